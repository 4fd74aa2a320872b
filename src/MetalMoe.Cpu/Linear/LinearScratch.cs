namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Working memory of one thread for <see cref="LinearKernel.Multiply"/>: a panel of unpacked weight
/// rows and the accumulators of a tile. About 200 KiB; one for each worker, allocated once.
/// </summary>
internal sealed unsafe class LinearScratch : IDisposable
{
    /// <summary>Weight rows of the largest panel.</summary>
    public const int MaxPanelRows = 16;

    /// <summary>Activation rows of a tile.</summary>
    public const int TileTokens = 16;

    /// <summary>Weight rows that decode takes at a time.</summary>
    public const int RowsAtOnce = 8;

    private const int WorkFloats = 128;

    private const int PanelBytes = 128 * 1024;

    private readonly int _maxColumns;
    private readonly NativeArray<byte> _weights;
    private readonly NativeArray<float> _scales;
    private readonly NativeArray<float> _minimums;
    private readonly NativeArray<float> _accumulators;
    private readonly NativeArray<TokenRow> _tokens;
    private readonly NativeArray<float> _work;
    private readonly NativeArray<float> _zeros;
    private readonly NativeArray<float> _rowScales;
    private readonly NativeArray<byte> _rowCodes;
    private readonly NativeArray<float> _packed;

    /// <param name="maxColumns">Longest weight row.</param>
    public LinearScratch(int maxColumns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxColumns);
        _maxColumns = maxColumns;
        int padded = (maxColumns + 511) / 512 * 512;
        long rows = MaxPanelRows;
        _weights = new NativeArray<byte>(Math.Max(PanelBytes, 4L * padded * sizeof(float)));
        _scales = new NativeArray<float>(rows * padded / 32);
        _minimums = new NativeArray<float>(rows * padded / 16);
        _accumulators = new NativeArray<float>(rows * TileTokens * 16);
        _tokens = new NativeArray<TokenRow>(2 * TileTokens);
        _work = new NativeArray<float>(WorkFloats);
        _zeros = new NativeArray<float>(256);
        _rowScales = new NativeArray<float>(3L * RowScaleFloats(maxColumns));
        _rowCodes = new NativeArray<byte>(2L * ((padded / 16) + 16));
        _packed = new NativeArray<float>(TileTokens * 128);
    }

    internal byte* Weights => _weights.Pointer;

    internal float* Scales => _scales.Pointer;

    internal float* Minimums => _minimums.Pointer;

    internal float* Accumulators => _accumulators.Pointer;

    /// <summary>Small values of the kernel at work.</summary>
    internal float* Work => _work.Pointer;

    /// <summary>256 zeros.</summary>
    internal float* Zeros => _zeros.Pointer;

    /// <summary>Scales of the rows at hand, in the order of their blocks.</summary>
    internal float* RowScales => _rowScales.Pointer;

    /// <summary>Scales of their minimums.</summary>
    internal float* RowMinimums => _rowScales.Pointer + RowScaleFloats(_maxColumns);

    /// <summary>Scales of two rows times those of an activation row.</summary>
    internal float* Products => _rowScales.Pointer + (2 * RowScaleFloats(_maxColumns));

    /// <summary>Integer minimums of two rows.</summary>
    internal byte* RowCodes => _rowCodes.Pointer;

    internal TokenRow* Tokens => _tokens.Pointer;

    /// <summary>The same rows in <see cref="Packed"/>.</summary>
    internal TokenRow* PackedTokens => _tokens.Pointer + TileTokens;

    /// <summary>One block of 128 binary32 activations of each row of a tile.</summary>
    internal float* Packed => _packed.Pointer;

    public void Dispose()
    {
        _weights.Dispose();
        _scales.Dispose();
        _minimums.Dispose();
        _accumulators.Dispose();
        _tokens.Dispose();
        _work.Dispose();
        _zeros.Dispose();
        _rowScales.Dispose();
        _rowCodes.Dispose();
        _packed.Dispose();
    }

    /// <summary>Room for a value a block of 256 columns and 16 more, which are read.</summary>
    private static int RowScaleFloats(int columns) =>
        (RowsAtOnce * ((columns + 255) / 256)) + 16;

    /// <summary>Weight rows unpacked at a time: as many as stay in the second-level cache.
    /// </summary>
    internal int PanelRows(int columns, int bytesPerWeight)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, _maxColumns);
        long rowBytes = (long)(columns + 255) / 256 * 256 * bytesPerWeight;
        return rowBytes * 16 <= PanelBytes ? 16 : rowBytes * 8 <= PanelBytes ? 8 : 4;
    }
}

/// <summary>Where one activation row of a tile lies.</summary>
internal unsafe struct TokenRow
{
    public void* Values;
    public byte* Bytes;
    public float* Scales;
    public float* Sums;
}

/// <summary>Where one unpacked weight row goes.</summary>
internal readonly unsafe struct PanelRow
{
    public required byte* Values { get; init; }

    /// <summary>Bytes from block to block.</summary>
    public required long ValueStride { get; init; }

    public required float* Scales { get; init; }

    /// <summary>Elements from block to block.</summary>
    public required long ScaleStride { get; init; }

    /// <summary>Minimums of the row, padded with zeros to a multiple of 16.</summary>
    public required float* Minimums { get; init; }
}

/// <summary>Memory of tiles of 4 weight rows by 4 activation rows.</summary>
internal readonly unsafe struct TileMemory
{
    /// <summary>
    /// For each 4 weight rows 16 accumulators of 16 lanes, activation rows slowest.
    /// </summary>
    public required float* Accumulators { get; init; }

    /// <summary>256 zeros, what the first block is added to.</summary>
    public required float* Zeros { get; init; }

    /// <summary>Scratch for 64 values.</summary>
    public required float* Work { get; init; }
}
