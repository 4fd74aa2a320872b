using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A format of 32-value blocks: a weight is scale * (8-bit integer) + offset, with at most one
/// scale
/// and one offset a block.
/// </summary>
internal unsafe interface ISmallBlockFormat
{
    static abstract int BlockBytes { get; }

    static abstract bool HasMinimum { get; }

    /// <summary>
    /// The scales of up to 8 consecutive blocks; places from <paramref name="count"/> on of the 8
    /// get any values.
    /// </summary>
    static abstract void Scales(byte* block, int count, float* target);

    /// <summary>The 32 integers of a block, in order.</summary>
    static abstract L Weights<L>(byte* block)
        where L : struct, ILanes<L>;

    /// <summary>
    /// The offsets of up to 8 consecutive blocks; places from <paramref name="count"/> on of the 8
    /// get offsets too.
    /// </summary>
    static abstract void Offsets(byte* block, int count, float* target);
}

/// <summary>Pieces that several 32-value formats share.</summary>
internal static unsafe class SmallBlocks
{
    /// <summary>16 bytes of nibbles: the low ones are values 0..15, the high ones 16..31.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Nibbles(byte* packed)
    {
        if (Avx2.IsSupported)
        {
            var twice = Avx2.BroadcastVector128ToVector256(packed).AsUInt64();
            var shifted = Avx2.ShiftRightLogicalVariable(twice, Vector256.Create(0ul, 0, 4, 4));
            return shifted.AsByte() & Vector256.Create((byte)15);
        }
        var both = Vector128.Load(packed);
        return Vector256.Create(both & Vector128.Create((byte)15), both >>> 4);
    }

    /// <summary>Values of a 16-entry table chosen by nibbles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Lookup(byte* packed, Vector128<sbyte> table)
    {
        var nibbles = Nibbles(packed).AsSByte();
        if (Avx2.IsSupported)
        {
            return Avx2.Shuffle(Vector256.Create(table, table), nibbles);
        }
        return Vector256.Create(
            Vector128.ShuffleNative(table, nibbles.GetLower()),
            Vector128.ShuffleNative(table, nibbles.GetUpper()));
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
