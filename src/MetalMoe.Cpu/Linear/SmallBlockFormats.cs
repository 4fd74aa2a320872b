using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>Scale, 16 bytes of nibbles; value = nibble - 8.</summary>
internal readonly unsafe struct Q4_0Format : ISmallBlockFormat
{
    public static int BlockBytes => 18;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.SubtractInt16(L.WidenUnsigned(SmallBlocks.Nibbles(block + 2)), L.Int16(8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        throw new UnreachableException();
}

/// <summary>Scale, offset, 16 bytes of nibbles.</summary>
internal readonly unsafe struct Q4_1Format : ISmallBlockFormat
{
    public static int BlockBytes => 20;

    public static bool HasMinimum => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenUnsigned(SmallBlocks.Nibbles(block + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        HalfFloat.Gather(block + 2, BlockBytes, count, target);
}

/// <summary>Scale, 32 fifth bits, 16 bytes of nibbles; value = code - 16.</summary>
internal readonly unsafe struct Q5_0Format : ISmallBlockFormat
{
    public static int BlockBytes => 22;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.SubtractInt16(
            L.WidenUnsigned(SmallBlocks.Nibbles(block + 6) | SmallBlocks.FifthBits(block + 2)),
            L.Int16(16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        throw new UnreachableException();
}

/// <summary>Scale, offset, 32 fifth bits, 16 bytes of nibbles.</summary>
internal readonly unsafe struct Q5_1Format : ISmallBlockFormat
{
    public static int BlockBytes => 24;

    public static bool HasMinimum => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenUnsigned(SmallBlocks.Nibbles(block + 8) | SmallBlocks.FifthBits(block + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        HalfFloat.Gather(block + 2, BlockBytes, count, target);
}

/// <summary>Scale, 32 signed bytes.</summary>
internal readonly unsafe struct Q8_0Format : ISmallBlockFormat
{
    public static int BlockBytes => 34;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(Vector256.Load((sbyte*)block + 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        throw new UnreachableException();
}

/// <summary>Scale, 16 bytes of nibbles into a table.</summary>
internal readonly unsafe struct IQ4_NLFormat : ISmallBlockFormat
{
    /// <summary>The uneven 16-value grid of the IQ4 formats. Source: ggml, kvalues_iq4nl.</summary>
    public static Vector128<sbyte> Table
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(
            (sbyte)-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    }

    public static int BlockBytes => 18;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(SmallBlocks.Lookup(block + 2, Table));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        throw new UnreachableException();
}

/// <summary>Power-of-two scale (E8M0), 16 bytes of E2M1 nibbles; integers are doubled E2M1.
/// </summary>
internal readonly unsafe struct MXFP4Format : ISmallBlockFormat
{
    private static Vector128<sbyte> Table
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(
            (sbyte)0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    }

    public static int BlockBytes => 17;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target)
    {
        int last = count - 1;
        var exponents = Vector256.Create(
            block[0],
            block[Math.Min(1, last) * BlockBytes],
            block[Math.Min(2, last) * BlockBytes],
            block[Math.Min(3, last) * BlockBytes],
            block[Math.Min(4, last) * BlockBytes],
            block[Math.Min(5, last) * BlockBytes],
            block[Math.Min(6, last) * BlockBytes],
            block[Math.Min(7, last) * BlockBytes]);
        // Half of 2^(e - 127), because the integers are doubled; e = 0 and 1 are denormals.
        var denormal = Vector256.ConditionalSelect(
            Vector256.Equals(exponents, Vector256<int>.Zero),
            Vector256.Create(0x00200000),
            Vector256.Create(0x00400000));
        var bits = Vector256.ConditionalSelect(
            Vector256.LessThan(exponents, Vector256.Create(2)),
            denormal,
            (exponents - Vector256<int>.One) << 23);
        bits.AsSingle().Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(SmallBlocks.Lookup(block + 1, Table));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Offsets(byte* block, int count, float* target) =>
        throw new UnreachableException();
}
