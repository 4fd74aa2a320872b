using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A format of 256-value blocks with one binary16 scale and integer sub-scales: a weight is
/// scale * (integer) - minimum, where the integer (code times sub-scale) fits 16 bits and is at most
/// 4096 in magnitude, so that 16 products with 16-bit activations fit an int32 lane.
/// </summary>
internal unsafe interface ISuperBlockFormat
{
    static abstract int BlockBytes { get; }

    /// <summary>Where the binary16 scale lies in a block.</summary>
    static abstract int ScaleOffset { get; }

    /// <summary>Where the binary16 scale of the minimums lies in a block.</summary>
    static abstract int MinimumScaleOffset { get; }

    /// <summary>0, 8 (one for 32 values) or 16 (one for 16 values).</summary>
    static abstract int MinimumsPerBlock { get; }

    /// <summary>
    /// Writes the 8 or 16 integer sub-scales of a block, each as an int16 stored twice.
    /// </summary>
    static abstract void SubScales(byte* block, int* target);

    /// <summary>Integers 32 * index .. 32 * index + 31 of a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="subScales">What <see cref="SubScales"/> wrote.</param>
    /// <param name="index">0..7; a constant where speed matters.</param>
    static abstract L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>;

    /// <summary>
    /// The integer minimums of 16 / MinimumsPerBlock blocks as binary32; zeros for those that are
    /// beyond <paramref name="blocks"/>.
    /// </summary>
    static abstract L MinimumCodes<L>(byte* block, int blocks)
        where L : struct, ILanes<L>;
}
