using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The byte form of a block of 256 activations q = 256 * h + l, for formats whose codes can be
/// multiplied as bytes: twice as many products an instruction, and codes need no widening.
/// Four parts of 256 bytes: high bytes h; low bytes l; and, as int16, 32 times the sums of the
/// neighbours of h and of l. In all of them int32 lane i of 64 values holds what belongs to
/// values 2i, 2i + 1 (low half), 32 + 2i and 33 + 2i (high half).
/// </summary>
internal static unsafe class ActivationBytes
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = 1024;

    public const int Low = 256;

    public const int HighSums = 512;

    public const int LowSums = 768;

    /// <summary>Fills a block from its 256 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Split(short* values, byte* target)
    {
        for (int i = 0; i < 4; i++)
        {
            for (int half = 0; half < 2; half++)
            {
                short* source = values + (64 * i) + (16 * half);
                var first = Vector256.Load(source);
                var second = Vector256.Load(source + 32);
                byte* at = target + (64 * i) + (32 * half);
                var rounding = Vector256.Create((short)128);
                SplitHalf(first + rounding >> 8, second + rounding >> 8, at, at + HighSums);
                SplitHalf(
                    first << 8 >> 8, second << 8 >> 8, at + Low, at + LowSums);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SplitHalf(
        Vector256<short> first, Vector256<short> second, byte* bytes, byte* sums)
    {
        (Pack(first) | (Pack(second) << 16)).Store((int*)bytes);
        (Sum(first) | (Sum(second) << 16)).Store((int*)sums);
    }

    /// <summary>The low bytes of two int16 side by side in the low half of their int32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pack(Vector256<short> values)
    {
        var bytes = values.AsInt32() & Vector256.Create(0x00ff00ff);
        return (bytes | (bytes >>> 8)) & Vector256.Create(0xffff);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Sum(Vector256<short> values)
    {
        var pairs = values.AsInt32();
        return (((pairs << 16 >> 16) + (pairs >> 16)) << 5) & Vector256.Create(0xffff);
    }
}
