using System.Buffers.Binary;

namespace MetalMoe.Core.Quants;

/// <summary>
/// Writes the blocks that <see cref="LegacyBlocks"/> reads. The quants are rounded against the
/// scale as stored, not as searched: rounding the scale to binary16 costs nothing then.
/// </summary>
internal static class LegacyBlockEncoder
{
    private const int Size = LegacyBlocks.Size;
    private const int Half = Size / 2;

    public static void EncodeQ4_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<byte> q = stackalloc byte[Size];
        float d = Floats.WriteHalf(block, ScaleSearch.Symmetric(values, 8));
        QuantizeSymmetric(values, d, 8, q);
        PackNibbles(q, block[2..]);
    }

    public static void EncodeQ4_1(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<byte> q = stackalloc byte[Size];
        EncodeAffine(values, 15, block, q);
        PackNibbles(q, block[4..]);
    }

    public static void EncodeQ5_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<byte> q = stackalloc byte[Size];
        float d = Floats.WriteHalf(block, ScaleSearch.Symmetric(values, 16));
        QuantizeSymmetric(values, d, 16, q);
        BinaryPrimitives.WriteUInt32LittleEndian(block[2..], FifthBits(q));
        PackNibbles(q, block[6..]);
    }

    public static void EncodeQ5_1(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<byte> q = stackalloc byte[Size];
        EncodeAffine(values, 31, block, q);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], FifthBits(q));
        PackNibbles(q, block[8..]);
    }

    /// <summary>
    /// With 255 levels a search gains nothing worth its time: the peak is stored as +-127.
    /// </summary>
    public static void EncodeQ8_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        float d = Floats.WriteHalf(block, Math.Abs(ScaleSearch.Peak(values)) / 127);
        for (int i = 0; i < Size; i++)
        {
            block[2 + i] = (byte)(d == 0 ? 0 : ScaleSearch.Nearest(values[i] / d, -127, 127));
        }
    }

    private static void EncodeAffine(
        ReadOnlySpan<float> values, int top, Span<byte> block, Span<byte> q)
    {
        var (scale, offset) = ScaleSearch.Affine(values, top, anyOffset: true);
        float d = Floats.WriteHalf(block, scale);
        float m = Floats.WriteHalf(block[2..], offset);
        for (int i = 0; i < Size; i++)
        {
            q[i] = (byte)(d == 0 ? 0 : ScaleSearch.Nearest((values[i] - m) / d, 0, top));
        }
    }

    private static void QuantizeSymmetric(
        ReadOnlySpan<float> values, float d, int levels, Span<byte> q)
    {
        for (int i = 0; i < Size; i++)
        {
            int level = d == 0 ? 0 : ScaleSearch.Nearest(values[i] / d, -levels, levels - 1);
            q[i] = (byte)(level + levels);
        }
    }

    private static void PackNibbles(ReadOnlySpan<byte> q, Span<byte> packed)
    {
        for (int i = 0; i < Half; i++)
        {
            packed[i] = (byte)((q[i] & 0x0F) | (q[i + Half] << 4));
        }
    }

    private static uint FifthBits(ReadOnlySpan<byte> q)
    {
        uint bits = 0;
        for (int i = 0; i < Size; i++)
        {
            bits |= (uint)(q[i] >> 4) << i;
        }
        return bits;
    }
}
