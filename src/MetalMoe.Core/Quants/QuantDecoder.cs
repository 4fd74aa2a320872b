namespace MetalMoe.Core.Quants;

/// <summary>
/// Turns stored rows into float32. This is the reference every faster decoder of the library is
/// tested against: plain code, one float32 rounding per operation, in the order the formats'
/// own reference implementation uses, so results agree with it to the bit.
/// </summary>
public static class QuantDecoder
{
    private delegate void BlockDecoder(ReadOnlySpan<byte> block, Span<float> values);

    /// <summary>Decodes one row of whole blocks.</summary>
    /// <param name="format">How <paramref name="source"/> is stored.</param>
    /// <param name="source">The stored row, exactly
    /// <see cref="QuantFormats.RowBytes">RowBytes(format, destination.Length)</see> long.</param>
    /// <param name="destination">Receives the values [columns].</param>
    /// <exception cref="ArgumentException">The lengths do not belong together, or the row is
    /// not a whole number of blocks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The format is not known.</exception>
    public static void DecodeRow(
        QuantFormat format, ReadOnlySpan<byte> source, Span<float> destination)
    {
        long expected = QuantFormats.RowBytes(format, destination.Length);
        if (source.Length != expected)
        {
            throw new ArgumentException(
                $"[{format}] a row of {destination.Length} values: " +
                $"expected {expected} bytes, got {source.Length}",
                nameof(source));
        }
        if (QuantFormats.BlockSize(format) == 1)
        {
            DecodeFloats(format, source, destination);
            return;
        }
        DecodeBlocks(format, source, destination);
    }

    private static void DecodeFloats(
        QuantFormat format, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (format)
        {
            case QuantFormat.F32:
                Floats.DecodeF32(source, destination);
                break;
            case QuantFormat.F16:
                Floats.DecodeF16(source, destination);
                break;
            case QuantFormat.BF16:
                Floats.DecodeBF16(source, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "no decoder");
        }
    }

    private static void DecodeBlocks(
        QuantFormat format, ReadOnlySpan<byte> source, Span<float> destination)
    {
        BlockDecoder decode = DecoderOf(format);
        int blockBytes = QuantFormats.BlockBytes(format);
        int blockSize = QuantFormats.BlockSize(format);
        for (int i = 0; i < destination.Length / blockSize; i++)
        {
            decode(
                source.Slice(i * blockBytes, blockBytes),
                destination.Slice(i * blockSize, blockSize));
        }
    }

    private static BlockDecoder DecoderOf(QuantFormat format) => format switch
    {
        QuantFormat.Q4_0 => LegacyBlocks.DecodeQ4_0,
        QuantFormat.Q4_1 => LegacyBlocks.DecodeQ4_1,
        QuantFormat.Q5_0 => LegacyBlocks.DecodeQ5_0,
        QuantFormat.Q5_1 => LegacyBlocks.DecodeQ5_1,
        QuantFormat.Q8_0 => LegacyBlocks.DecodeQ8_0,
        QuantFormat.Q2_K => KBlocks.DecodeQ2_K,
        QuantFormat.Q3_K => KBlocks.DecodeQ3_K,
        QuantFormat.Q4_K => KBlocks.DecodeQ4_K,
        QuantFormat.Q5_K => KBlocks.DecodeQ5_K,
        QuantFormat.Q6_K => KBlocks.DecodeQ6_K,
        QuantFormat.IQ4_NL => TableBlocks.DecodeIQ4_NL,
        QuantFormat.IQ4_XS => TableBlocks.DecodeIQ4_XS,
        QuantFormat.MXFP4 => TableBlocks.DecodeMXFP4,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no decoder"),
    };
}
