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
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 18, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.SubtractInt16(L.WidenUnsigned(SmallBlocks.Nibbles(block + 2)), L.Int16(8));

    public static void Minimums(byte* block, int count, float* minimums) =>
        throw new System.Diagnostics.UnreachableException();
}

/// <summary>Scale, offset, 16 bytes of nibbles.</summary>
internal readonly unsafe struct Q4_1Format : ISmallBlockFormat
{
    public static int BlockBytes => 20;

    public static bool HasMinimum => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 20, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenUnsigned(SmallBlocks.Nibbles(block + 4));

    public static void Minimums(byte* block, int count, float* minimums) =>
        SmallBlocks.HalfMinimums(block, 20, count, minimums);
}

/// <summary>Scale, 32 fifth bits, 16 bytes of nibbles; value = code - 16.</summary>
internal readonly unsafe struct Q5_0Format : ISmallBlockFormat
{
    public static int BlockBytes => 22;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 22, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.SubtractInt16(
            L.WidenUnsigned(SmallBlocks.Nibbles(block + 6) | SmallBlocks.FifthBits(block + 2)),
            L.Int16(16));

    public static void Minimums(byte* block, int count, float* minimums) =>
        throw new System.Diagnostics.UnreachableException();
}

/// <summary>Scale, offset, 32 fifth bits, 16 bytes of nibbles.</summary>
internal readonly unsafe struct Q5_1Format : ISmallBlockFormat
{
    public static int BlockBytes => 24;

    public static bool HasMinimum => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 24, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenUnsigned(SmallBlocks.Nibbles(block + 8) | SmallBlocks.FifthBits(block + 4));

    public static void Minimums(byte* block, int count, float* minimums) =>
        SmallBlocks.HalfMinimums(block, 24, count, minimums);
}

/// <summary>Scale, 32 signed bytes.</summary>
internal readonly unsafe struct Q8_0Format : ISmallBlockFormat
{
    public static int BlockBytes => 34;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 34, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(Vector256.Load((sbyte*)block + 2));

    public static void Minimums(byte* block, int count, float* minimums) =>
        throw new System.Diagnostics.UnreachableException();
}

/// <summary>Scale, 16 bytes of nibbles into a table.</summary>
internal readonly unsafe struct IQ4_NLFormat : ISmallBlockFormat
{
    /// <summary>The uneven 16-value grid of the IQ4 formats. Source: ggml, kvalues_iq4nl.</summary>
    public static Vector128<sbyte> Table => Vector128.Create(
        (sbyte)-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    public static int BlockBytes => 18;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales) =>
        SmallBlocks.HalfScales(block, 18, count, scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(SmallBlocks.Lookup(block + 2, Table));

    public static void Minimums(byte* block, int count, float* minimums) =>
        throw new System.Diagnostics.UnreachableException();
}

/// <summary>Power-of-two scale (E8M0), 16 bytes of E2M1 nibbles; integers are doubled E2M1.</summary>
internal readonly unsafe struct MXFP4Format : ISmallBlockFormat
{
    private static Vector128<sbyte> Table => Vector128.Create(
        (sbyte)0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    public static int BlockBytes => 17;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* scales)
    {
        for (int i = 0; i < count; i++)
        {
            // Half of 2^(e - 127), because the integers are doubled; e = 0 and 1 are denormals.
            uint exponent = block[i * 17];
            uint bits = exponent < 2 ? 0x00200000u << (int)exponent : (exponent - 1) << 23;
            scales[i] = BitConverter.UInt32BitsToSingle(bits);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Weights<L>(byte* block)
        where L : struct, ILanes<L> =>
        L.WidenSigned(SmallBlocks.Lookup(block + 1, Table));

    public static void Minimums(byte* block, int count, float* minimums) =>
        throw new System.Diagnostics.UnreachableException();
}
