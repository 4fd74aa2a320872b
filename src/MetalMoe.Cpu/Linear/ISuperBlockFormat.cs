using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A format of 256-value blocks with one binary16 scale and integer sub-scales: a weight is
/// Scale * (integer) - minimum, where the integer (code times sub-scale) fits 16 bits and is at most
/// 4096 in magnitude, so that 16 products with 16-bit activations fit an int32 lane.
/// </summary>
internal unsafe interface ISuperBlockFormat
{
    static abstract int BlockBytes { get; }

    /// <summary>0, 8 (one for 32 values) or 16 (one for 16 values).</summary>
    static abstract int MinimumsPerBlock { get; }

    static abstract float Scale(byte* block);

    /// <summary>Hands the 8 groups of 32 integer weights to the sink, in order.</summary>
    /// <param name="block">The block.</param>
    /// <param name="context">Passed to the sink.</param>
    /// <param name="work">Scratch for 16 values.</param>
    static abstract L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>;

    /// <summary>16 minimums of a row, in order, starting at 16 * group; zeros beyond its end.</summary>
    static abstract L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L>;
}
