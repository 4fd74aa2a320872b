using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A format of 256-value blocks with one binary16 scale and integer sub-scales: a weight is
/// scale * (integer) - minimum, where the integer (code times sub-scale) fits 16 bits and is at
/// most 4096 in magnitude, so that 16 products with 16-bit activations fit an int32 lane.
/// </summary>
internal unsafe interface ISuperBlockFormat
{
    static abstract int BlockBytes { get; }

    /// <summary>0, 8 (one for 32 values) or 16 (one for 16 values).</summary>
    static abstract int MinimumsPerBlock { get; }

    /// <summary>
    /// The scales of up to 8 consecutive blocks to target[0..7] and, if there are minimums, their
    /// scales to target[8..15]; places from <paramref name="count"/> on get any values.
    /// </summary>
    static abstract void Scales(byte* block, int count, float* target);

    /// <summary>
    /// Writes the 8 or 16 integer sub-scales of a block, each as an int16 stored twice, and its
    /// integer minimums.
    /// </summary>
    static abstract void Prepare(byte* block, int* subScales, byte* minimums);

    /// <summary>Integers 32 * index .. 32 * index + 31 of a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="subScales">What <see cref="Prepare"/> wrote.</param>
    /// <param name="index">0..7; a constant where speed matters.</param>
    static abstract L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>;

    /// <summary>
    /// True if the codes are unsigned and two of them times signed bytes fit an int16, so that
    /// <see cref="Codes"/> can be multiplied as bytes.
    /// </summary>
    static abstract bool HasByteCodes { get; }

    /// <summary>8 or 16.</summary>
    static abstract int SubScaleCount { get; }

    /// <summary>What is subtracted from a code before the sub-scale: 0, 4 or 32.</summary>
    static abstract int Offset { get; }

    /// <summary>
    /// As <see cref="Prepare"/>, with the sub-scales in the order in which
    /// <see cref="Codes"/> need them, each once: for each 64 values the four int16 of groups of
    /// 16 values 0, 2, 1, 3, or the two of its groups of 32.
    /// </summary>
    static abstract void PrepareBytes(byte* block, int* subScales, byte* minimums);

    /// <summary>
    /// Codes 64 * index .. 64 * index + 63 of a block as bytes: int32 lane i of 16 holds those of
    /// values 2i, 2i + 1, 32 + 2i and 33 + 2i.
    /// </summary>
    /// <param name="block">The block.</param>
    /// <param name="index">0..3; a constant where speed matters.</param>
    static abstract L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>;
}
