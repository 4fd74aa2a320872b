using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>Pieces that several 256-value formats share.</summary>
internal static unsafe class SuperBlocks
{
    /// <summary>The eight 6-bit sub-scales of Q4_K and Q5_K, one a byte.</summary>
    /// <param name="packed">The 12 bytes of sub-scales and minimums.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SixBitScales(byte* packed)
    {
        uint low = *(uint*)packed;
        uint rest = *(uint*)(packed + 8);
        uint high = (rest & 0x0f0f0f0f) | ((low >> 2) & 0x30303030);
        return ((ulong)high << 32) | (low & 0x3f3f3f3f);
    }

    /// <summary>The eight 6-bit minimums of Q4_K and Q5_K, one a byte.</summary>
    /// <param name="packed">The 12 bytes of sub-scales and minimums.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SixBitMinimums(byte* packed)
    {
        uint low = *(uint*)(packed + 4);
        uint rest = *(uint*)(packed + 8);
        uint high = ((rest >> 4) & 0x0f0f0f0f) | ((low >> 2) & 0x30303030);
        return ((ulong)high << 32) | (low & 0x3f3f3f3f);
    }

    /// <summary>Eight sub-scales, each twice in an int32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<short> scales, int* target)
    {
        var wide = Vector256.WidenLower(scales.AsUInt16().ToVector256Unsafe());
        (wide | (wide << 16)).AsInt32().Store(target);
    }

    /// <summary>Eight unsigned bytes as sub-scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(ulong bytes, int* target) =>
        StoreTwice(
            Vector128.WidenLower(Vector128.CreateScalarUnsafe(bytes).AsByte()).AsInt16(), target);

    /// <summary>16 signed bytes as sub-scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<sbyte> scales, int* target)
    {
        StoreTwice(Vector128.WidenLower(scales), target);
        StoreTwice(Vector128.WidenUpper(scales), target + 8);
    }

    /// <summary>The minimums of two Q4_K or Q5_K blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L PairOfMinimums<L>(byte* block, int blockBytes, int blocks)
        where L : struct, ILanes<L>
    {
        ulong first = SixBitMinimums(block + 4);
        ulong second = blocks > 1 ? SixBitMinimums(block + blockBytes + 4) : 0;
        return L.WidenToSingle(Vector128.Create(first, second).AsByte());
    }
}
