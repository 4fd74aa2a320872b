using System.Diagnostics;
using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>A format without blocks, exact in binary32.</summary>
internal unsafe interface ISingleFormat
{
    static abstract int Bytes { get; }

    /// <summary>16 values as binary32.</summary>
    static abstract L Load<L>(void* source)
        where L : struct, ILanes<L>;
}

internal readonly unsafe struct F32Format : ISingleFormat
{
    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.Load(source);
}

internal readonly unsafe struct F16Format : ISingleFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.LoadHalf((ushort*)source);
}

internal readonly unsafe struct BF16Format : ISingleFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.LoadBFloat16((ushort*)source);
}

/// <summary>
/// Products of F32, F16 and BF16 weights with the binary32 activations: column e is added in lane
/// e mod 16 by a fused multiply-add, in ascending order.
/// </summary>
internal readonly unsafe struct SingleKernel<L, TFormat> : IWeightKernel<L>
    where L : struct, ILanes<L>
    where TFormat : struct, ISingleFormat
{
    public static int BlockColumns => SingleTile<L>.BlockColumns;

    public static int ValueBytes => sizeof(float);

    public static int ScalesPerBlock => 0;

    public static int ColumnsPerMinimum => 0;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(byte* row, int columns, in TokenRow token)
    {
        float* x = (float*)token.Values;
        L total = L.Zero;
        int k = 0;
        for (; k + 16 <= columns; k += 16)
        {
            L weights = TFormat.Load<L>(row + ((long)k * TFormat.Bytes));
            total = L.FusedMultiplyAdd(weights, L.Load(x + k), total);
        }
        if (k < columns)
        {
            float* tail = stackalloc float[16];
            L weights = LoadTail(row + ((long)k * TFormat.Bytes), columns - k);
            new Span<float>(tail, 16).Clear();
            new ReadOnlySpan<float>(x + k, columns - k).CopyTo(new Span<float>(tail, 16));
            total = L.FusedMultiplyAdd(weights, L.Load(tail), total);
        }
        return L.Sum(total);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* row, int columns, int block, void* values, float* scales)
    {
        int start = block * BlockColumns;
        int count = Math.Min(BlockColumns, columns - start);
        byte* source = row + ((long)start * TFormat.Bytes);
        float* target = (float*)values;
        for (int k = 0; k < count; k += 16)
        {
            byte* from = source + ((long)k * TFormat.Bytes);
            L.Store(
                target + k,
                count - k >= 16 ? TFormat.Load<L>(from) : LoadTail(from, count - k));
        }
    }

    public static L Minimums(byte* row, int columns, int group) => throw new UnreachableException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        void* values, float* scales, TokenRow* tokens, int block, int columns, float* accumulators)
        => SingleTile<L>.AddBlock((float*)values, tokens, block, columns, accumulators);

    /// <summary>The last 1 to 15 weights of a row, padded with zeros.</summary>
    [SkipLocalsInit]
    private static L LoadTail(byte* source, int count)
    {
        byte* padded = stackalloc byte[64];
        new Span<byte>(padded, 64).Clear();
        int bytes = count * TFormat.Bytes;
        new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(padded, 64));
        return TFormat.Load<L>(padded);
    }
}
