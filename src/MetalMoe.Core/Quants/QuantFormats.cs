namespace MetalMoe.Core.Quants;

/// <summary>The block geometry of every <see cref="QuantFormat"/>; one row a format.</summary>
public static class QuantFormats
{
    private static readonly (QuantFormat Format, int BlockSize, int BlockBytes)[] Rows =
    [
        (QuantFormat.F32, 1, 4),
        (QuantFormat.F16, 1, 2),
        (QuantFormat.BF16, 1, 2),
        (QuantFormat.Q4_0, 32, 18),
        (QuantFormat.Q4_1, 32, 20),
        (QuantFormat.Q5_0, 32, 22),
        (QuantFormat.Q5_1, 32, 24),
        (QuantFormat.Q8_0, 32, 34),
        (QuantFormat.Q2_K, 256, 84),
        (QuantFormat.Q3_K, 256, 110),
        (QuantFormat.Q4_K, 256, 144),
        (QuantFormat.Q5_K, 256, 176),
        (QuantFormat.Q6_K, 256, 210),
        (QuantFormat.IQ4_NL, 32, 18),
        (QuantFormat.IQ4_XS, 256, 136),
        (QuantFormat.MXFP4, 32, 17),
    ];

    /// <summary>All supported formats.</summary>
    public static IReadOnlyList<QuantFormat> All { get; } = [.. Rows.Select(r => r.Format)];

    /// <summary>True when the id is a format this library can decode.</summary>
    public static bool IsSupported(QuantFormat format) =>
        Array.Exists(Rows, r => r.Format == format);

    /// <summary>Values in one block: 1, 32 or 256.</summary>
    public static int BlockSize(QuantFormat format) => Row(format).BlockSize;

    /// <summary>Bytes of one block.</summary>
    public static int BlockBytes(QuantFormat format) => Row(format).BlockBytes;

    /// <summary>Bytes of a row of <paramref name="columns"/> values.</summary>
    /// <exception cref="ArgumentException">The row is not a whole number of blocks.</exception>
    public static long RowBytes(QuantFormat format, long columns)
    {
        var (_, size, bytes) = Row(format);
        if (columns % size != 0)
        {
            throw new ArgumentException(
                $"[{format}] a row of {columns} values is not a multiple of {size}");
        }
        return checked(columns / size * bytes);
    }

    private static (QuantFormat Format, int BlockSize, int BlockBytes) Row(QuantFormat format)
    {
        foreach (var row in Rows)
        {
            if (row.Format == format)
            {
                return row;
            }
        }
        throw new ArgumentOutOfRangeException(nameof(format), format, "unknown quant format");
    }
}
