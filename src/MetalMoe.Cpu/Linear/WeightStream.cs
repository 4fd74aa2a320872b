using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Prefetching of weights. Rows are read in ascending order, so what lies a fixed distance ahead is
/// needed soon, whatever row it belongs to. Hardware prefetchers do not keep up with two rows at a
/// time and scales that are read first: on an AMD Zen 5 core (November 2026, loaded machine) the
/// median of a 48 MiB Q4_K matrix times a vector rose from 12.8 to 19.4 GB/s, Q5_K from 12.6 to
/// 21.0, Q6_K from 7.9 to 22.8; 4 to 9 KiB ahead made no difference.
/// </summary>
internal static unsafe class WeightStream
{
    /// <summary>Distance between what is read and what is asked for.</summary>
    public const int PrefetchBytes = 16 * 1024;

    /// <summary>
    /// Asks for what lies ahead of a block of at most 256 bytes that is about to be read. It may
    /// lie beyond the matrix: a prefetch is only a hint. Straight-line when the size is a constant.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchBlock<L>(byte* block, int bytes)
        where L : struct, ILanes<L>
    {
        L.Prefetch(block + PrefetchBytes);
        if (bytes > 64)
        {
            L.Prefetch(block + PrefetchBytes + 64);
        }
        if (bytes > 128)
        {
            L.Prefetch(block + PrefetchBytes + 128);
        }
        if (bytes > 192)
        {
            L.Prefetch(block + PrefetchBytes + 192);
        }
    }

    /// <summary>As <see cref="PrefetchBlock"/> for any length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchBlocks<L>(byte* blocks, int bytes)
        where L : struct, ILanes<L>
    {
        for (int i = 0; i < bytes; i += 64)
        {
            L.Prefetch(blocks + PrefetchBytes + i);
        }
    }
}
