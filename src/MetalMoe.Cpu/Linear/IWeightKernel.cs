using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The products of one weight format, in the two forms that must agree to the bit: some rows with
/// an activation row straight from the packed weights (decode), and a tile of 4 by 4 from a panel
/// of unpacked weights (prefill). Every output is 16 binary32 partial sums, one a lane; each block
/// of columns adds to them with the same operations in the same order in both forms.
/// </summary>
internal unsafe interface IWeightKernel<L>
    where L : struct, ILanes<L>
{
    /// <summary>Columns of a block; a block of unpacked weights has 512 bytes.</summary>
    static abstract int BlockColumns { get; }

    /// <summary>Bytes of an unpacked weight, and of an activation.</summary>
    static abstract int ValueBytes { get; }

    /// <summary>Scales of a weight row in a block: 0, 1 or 8.</summary>
    static abstract int ScalesPerBlock { get; }

    /// <summary>Columns that share a minimum: 0 (none), 16 or 32.</summary>
    static abstract int ColumnsPerMinimum { get; }

    /// <summary>
    /// The 16 partial sums of each output of up to <see cref="LinearScratch.RowsAtOnce"/> weight
    /// rows that follow each other: those of activation row t and weight row r go to place
    /// t * RowsAtOnce + r of the accumulators.
    /// </summary>
    /// <param name="rows">First weight row.</param>
    /// <param name="count">Weight rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="tokens">The activation rows.</param>
    /// <param name="tokenCount">Activation rows.</param>
    /// <param name="scratch">Working memory.</param>
    static abstract void DotRows(
        byte* rows,
        int count,
        int columns,
        TokenRow* tokens,
        int tokenCount,
        LinearScratch scratch);

    /// <summary>Unpacks integers (or values), scales and minimums of a row.</summary>
    static abstract void UnpackRow(byte* row, int columns, in PanelRow target, float* work);

    /// <summary>Adds one block of weight rows times 4 activation rows to accumulators.</summary>
    /// <param name="values">Unpacked block of the first row; rows are 512 bytes apart.</param>
    /// <param name="scales">Scales of the first row; rows are ScalesPerBlock apart.</param>
    /// <param name="tokens">4 activation rows.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="rows">Weight rows, a multiple of 4.</param>
    /// <param name="tile">Accumulators, 16 times 16 for each 4 rows, and scratch.</param>
    static abstract void AddTile(
        byte* values,
        float* scales,
        TokenRow* tokens,
        int block,
        int columns,
        int rows,
        in TileMemory tile);
}
