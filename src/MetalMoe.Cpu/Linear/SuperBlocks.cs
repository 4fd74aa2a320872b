using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Linear;

/// <summary>Pieces that several 256-value formats share.</summary>
internal static unsafe class SuperBlocks
{
    /// <summary>
    /// The eight 6-bit sub-scales (lower half) and eight 6-bit minimums (upper half) of Q4_K and Q5_K.
    /// Of the dwords A, B, C: sub-scales 0..3 are the low 6 bits of the bytes of A; 4..7 are the low
    /// nibbles of C with the upper bit pairs of A above them; minimums likewise with B and the high
    /// nibbles of C.
    /// </summary>
    /// <param name="packed">The 12 bytes; 16 are read.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> SixBits(byte* packed)
    {
        var words = Vector128.Load((uint*)packed);
        var lower = Vector128.Shuffle(words, Vector128.Create(0u, 2, 1, 2));
        var upper = Vector128.Shuffle(words, Vector128.Create(0u, 0, 1, 1)) >>> 2;
        var bits = lower & Vector128.Create(0x3f3f3f3fu, 0x0f0f0f0f, 0x3f3f3f3f, 0);
        bits |= (lower >>> 4) & Vector128.Create(0u, 0, 0, 0x0f0f0f0f);
        bits |= upper & Vector128.Create(0u, 0x30303030, 0, 0x30303030);
        return bits.AsByte();
    }

    /// <summary>Eight unsigned bytes as sub-scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<byte> bytes, int* target)
    {
        var wide = WidenToInt32(bytes);
        (wide | (wide << 16)).Store(target);
    }

    /// <summary>The lower eight bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> WidenToInt32(Vector128<byte> bytes)
    {
        if (Avx2.IsSupported)
        {
            return Avx2.ConvertToVector256Int32(bytes);
        }
        var words = Vector128.WidenLower(bytes);
        return Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32();
    }

    /// <summary>Eight sub-scales, each twice in an int32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<short> scales, int* target)
    {
        var wide = Vector256.WidenLower(scales.AsUInt16().ToVector256Unsafe());
        (wide | (wide << 16)).AsInt32().Store(target);
    }

    /// <summary>16 signed bytes as sub-scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<sbyte> scales, int* target)
    {
        StoreTwice(Vector128.WidenLower(scales), target);
        StoreTwice(Vector128.WidenUpper(scales), target + 8);
    }
}
