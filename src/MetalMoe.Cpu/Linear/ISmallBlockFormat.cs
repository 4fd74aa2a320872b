using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A format of 32-value blocks: a weight is scale * (8-bit integer) + offset, with at most one scale
/// and one offset a block.
/// </summary>
internal unsafe interface ISmallBlockFormat
{
    static abstract int BlockBytes { get; }

    static abstract bool HasMinimum { get; }

    /// <summary>The scales of up to 8 consecutive blocks.</summary>
    static abstract void Scales(byte* block, int count, float* scales);

    /// <summary>The 32 integers of a block, in order.</summary>
    static abstract L Weights<L>(byte* block)
        where L : struct, ILanes<L>;

    /// <summary>
    /// The negated offsets of up to 16 consecutive blocks; zeros in the places that are left.
    /// </summary>
    static abstract void Minimums(byte* block, int count, float* minimums);
}

/// <summary>Pieces that several 32-value formats share.</summary>
internal static unsafe class SmallBlocks
{
    /// <summary>Scales stored as binary16 at the start of each block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void HalfScales(byte* block, int stride, int count, float* scales)
    {
        if (count == 8)
        {
            var halves = Vector128.Create(
                *(ushort*)block,
                *(ushort*)(block + stride),
                *(ushort*)(block + (2 * stride)),
                *(ushort*)(block + (3 * stride)),
                *(ushort*)(block + (4 * stride)),
                *(ushort*)(block + (5 * stride)),
                *(ushort*)(block + (6 * stride)),
                *(ushort*)(block + (7 * stride)));
            var wide = Vector256.WidenLower(halves.ToVector256Unsafe()).AsInt32();
            HalfFloat.ToSingle(wide).Store(scales);
            return;
        }
        for (int i = 0; i < count; i++)
        {
            scales[i] = HalfFloat.ToSingle(*(ushort*)(block + ((long)i * stride)));
        }
    }

    /// <summary>Offsets stored as binary16 after the scale; negated into minimums.</summary>
    public static void HalfMinimums(byte* block, int stride, int count, float* minimums)
    {
        for (int i = 0; i < 16; i++)
        {
            minimums[i] = i < count
                ? -HalfFloat.ToSingle(*(ushort*)(block + ((long)i * stride) + 2))
                : 0f;
        }
    }

    /// <summary>16 bytes of nibbles: the low ones are values 0..15, the high ones 16..31.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Nibbles(byte* packed)
    {
        var both = Vector128.Load(packed);
        return Vector256.Create(both & Vector128.Create((byte)15), both >>> 4);
    }

    /// <summary>Values of a 16-entry table chosen by nibbles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Lookup(byte* packed, Vector128<sbyte> table)
    {
        var both = Vector128.Load(packed);
        var low = both & Vector128.Create((byte)15);
        return Vector256.Create(
            Vector128.ShuffleNative(table, low.AsSByte()),
            Vector128.ShuffleNative(table, (both >>> 4).AsSByte()));
    }

    /// <summary>Bit i of 32 becomes bit 4 of byte i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> FifthBits(byte* packed)
    {
        var bits = Vector128.Create(*(uint*)packed).AsByte();
        var low = Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        var spread = Vector256.Create(
            Vector128.ShuffleNative(bits, low),
            Vector128.ShuffleNative(bits, low + Vector128.Create((byte)2)));
        var one = Vector256.Create(0x8040201008040201ul).AsByte();
        return Vector256.Equals(spread & one, one) & Vector256.Create((byte)16);
    }
}
