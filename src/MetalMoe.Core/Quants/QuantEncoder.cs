namespace MetalMoe.Core.Quants;

/// <summary>
/// Turns float32 rows into stored rows. Nothing is known here about the activations the weights
/// will meet, so every value's error counts the same: each block's scale (and minimum) is
/// searched for the smallest squared error of what <see cref="QuantDecoder"/> will read back.
/// </summary>
public static class QuantEncoder
{
    private delegate void BlockEncoder(ReadOnlySpan<float> values, Span<byte> block);

    /// <summary>Encodes one row of whole blocks.</summary>
    /// <param name="format">How to store the row.</param>
    /// <param name="source">The values [columns], all finite.</param>
    /// <param name="destination">Receives the stored row, exactly
    /// <see cref="QuantFormats.RowBytes">RowBytes(format, source.Length)</see> long.</param>
    /// <exception cref="ArgumentException">The lengths do not belong together, the row is not
    /// a whole number of blocks, a value is NaN or infinite, or values are too large for the
    /// format's binary16 scale.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The format is not known.</exception>
    public static void EncodeRow(
        QuantFormat format, ReadOnlySpan<float> source, Span<byte> destination)
    {
        long expected = QuantFormats.RowBytes(format, source.Length);
        if (destination.Length != expected)
        {
            throw new ArgumentException(
                $"[{format}] a row of {source.Length} values: " +
                $"expected {expected} bytes, got {destination.Length}",
                nameof(destination));
        }
        RequireFinite(format, source);
        if (QuantFormats.BlockSize(format) == 1)
        {
            EncodeFloats(format, source, destination);
            return;
        }
        EncodeBlocks(format, source, destination);
    }

    private static void EncodeFloats(
        QuantFormat format, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (format)
        {
            case QuantFormat.F32:
                Floats.EncodeF32(source, destination);
                break;
            case QuantFormat.F16:
                Floats.EncodeF16(source, destination);
                break;
            case QuantFormat.BF16:
                Floats.EncodeBF16(source, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "no encoder");
        }
    }

    private static void EncodeBlocks(
        QuantFormat format, ReadOnlySpan<float> source, Span<byte> destination)
    {
        BlockEncoder encode = EncoderOf(format);
        int blockBytes = QuantFormats.BlockBytes(format);
        int blockSize = QuantFormats.BlockSize(format);
        for (int i = 0; i < source.Length / blockSize; i++)
        {
            encode(
                source.Slice(i * blockSize, blockSize),
                destination.Slice(i * blockBytes, blockBytes));
        }
    }

    private static BlockEncoder EncoderOf(QuantFormat format) => format switch
    {
        QuantFormat.Q4_0 => LegacyBlockEncoder.EncodeQ4_0,
        QuantFormat.Q4_1 => LegacyBlockEncoder.EncodeQ4_1,
        QuantFormat.Q5_0 => LegacyBlockEncoder.EncodeQ5_0,
        QuantFormat.Q5_1 => LegacyBlockEncoder.EncodeQ5_1,
        QuantFormat.Q8_0 => LegacyBlockEncoder.EncodeQ8_0,
        QuantFormat.Q2_K => KBlockEncoder.EncodeQ2_K,
        QuantFormat.Q3_K => KBlockEncoder.EncodeQ3_K,
        QuantFormat.Q4_K => KBlockEncoder.EncodeQ4_K,
        QuantFormat.Q5_K => KBlockEncoder.EncodeQ5_K,
        QuantFormat.Q6_K => KBlockEncoder.EncodeQ6_K,
        QuantFormat.IQ4_NL => TableBlockEncoder.EncodeIQ4_NL,
        QuantFormat.IQ4_XS => TableBlockEncoder.EncodeIQ4_XS,
        QuantFormat.MXFP4 => TableBlockEncoder.EncodeMXFP4,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no encoder"),
    };

    private static void RequireFinite(QuantFormat format, ReadOnlySpan<float> source)
    {
        for (int i = 0; i < source.Length; i++)
        {
            if (!float.IsFinite(source[i]))
            {
                throw new ArgumentException(
                    $"[{format}] value {i} of the row: expected a finite number, " +
                    $"got {source[i]}",
                    nameof(source));
            }
        }
    }
}
