using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The products of one weight format, in the two forms that must agree to the bit: one row with one
/// activation row straight from the packed weights (decode), and a tile of 4 by 4 from a panel of
/// unpacked weights (prefill). Every output is 16 binary32 partial sums, one a lane; each block of
/// columns adds to them with the same operations in the same order in both forms.
/// </summary>
internal unsafe interface IWeightKernel<L>
    where L : struct, ILanes<L>
{
    /// <summary>Columns of a block.</summary>
    static abstract int BlockColumns { get; }

    /// <summary>Bytes of an unpacked weight, and of an activation.</summary>
    static abstract int ValueBytes { get; }

    /// <summary>Scales of a weight row in a block: 0, 1 or 8.</summary>
    static abstract int ScalesPerBlock { get; }

    /// <summary>Columns that share a minimum: 0 (none), 16 or 32.</summary>
    static abstract int ColumnsPerMinimum { get; }

    /// <summary>One output.</summary>
    static abstract float Dot(byte* row, int columns, in TokenRow token);

    /// <summary>
    /// Unpacks block <paramref name="block"/> of a row: its values, scales, and (see
    /// <see cref="Minimums"/>) nothing else.
    /// </summary>
    static abstract void Unpack(byte* row, int columns, int block, void* values, float* scales);

    /// <summary>The 16 minimums from 16 * group on of a row; zeros beyond its end.</summary>
    static abstract L Minimums(byte* row, int columns, int group);

    /// <summary>Adds one block of 4 rows by 4 activation rows to 16 accumulators.</summary>
    /// <param name="values">Unpacked block of the first row; rows are 512 bytes apart.</param>
    /// <param name="scales">Scales of the first row; rows are ScalesPerBlock apart.</param>
    /// <param name="tokens">4 activation rows.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="accumulators">16 times 16 values, activation rows slowest.</param>
    static abstract void AddTile(
        void* values, float* scales, TokenRow* tokens, int block, int columns, float* accumulators);
}
