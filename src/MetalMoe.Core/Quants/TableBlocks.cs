using System.Buffers.Binary;

namespace MetalMoe.Core.Quants;

/// <summary>
/// Formats whose 4-bit quants are looked up in a table t of 16 values.
/// <code>
/// IQ4_NL   18 bytes  0 d   2 q[16]                       x = d t[q]
/// IQ4_XS  136 bytes  0 d   2 high[2]   4 low[4]   8 q[128]   x = d (s - 32) t[q]
/// MXFP4    17 bytes  0 e   1 q[16]                       x = 2^(e - 127) E2M1[q]
/// </code>
/// Each run of 32 values has 16 bytes of q: byte i holds value i in its low and value i + 16 in
/// its high nibble. IQ4_XS group g has a 6-bit scale s: lower four bits in nibble g of low[4],
/// upper two at bit 2 g of high[2], a little-endian word.
/// Source: the GGUF specification; block layouts of <c>ggml-common.h</c>; for MXFP4 the OCP
/// Microscaling Formats specification 1.0 (E8M0 scale, E2M1 elements).
/// </summary>
internal static class TableBlocks
{
    /// <summary>Values that share one row of 16 nibble bytes.</summary>
    public const int RunSize = 32;

    private const int Half = RunSize / 2;

    /// <summary>The table of IQ4_NL and IQ4_XS, ascending.</summary>
    public static ReadOnlySpan<sbyte> NonLinear =>
        [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>
    /// Twice the E2M1 values, so that they are integers; the scale is halved in turn. The upper
    /// eight are the negatives, and index 8 (negative zero) decodes to plain zero.
    /// </summary>
    public static ReadOnlySpan<sbyte> DoubledE2M1 =>
        [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public static void DecodeIQ4_NL(ReadOnlySpan<byte> block, Span<float> values) =>
        DecodeRun(Floats.ReadHalf(block), NonLinear, block.Slice(2, Half), values);

    public static void DecodeIQ4_XS(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        for (int group = 0; group < 8; group++)
        {
            float scale = d * ReadGroupScale(block, group);
            ReadOnlySpan<byte> q = block.Slice(8 + Half * group, Half);
            DecodeRun(scale, NonLinear, q, values.Slice(RunSize * group, RunSize));
        }
    }

    public static void DecodeMXFP4(ReadOnlySpan<byte> block, Span<float> values) =>
        DecodeRun(HalfOfE8M0(block[0]), DoubledE2M1, block.Slice(1, Half), values);

    /// <summary>
    /// 2^(e - 128), half the E8M0 value. The two smallest are float32 subnormals. E8M0 gives the
    /// code 255 to NaN; the reference implementation reads it as 2^127, and so do we.
    /// </summary>
    public static float HalfOfE8M0(byte e) =>
        BitConverter.UInt32BitsToSingle(e < 2 ? 0x0020_0000u << e : (uint)(e - 1) << 23);

    /// <summary>Reads the scale of an IQ4_XS group; -32 to 31.</summary>
    private static int ReadGroupScale(ReadOnlySpan<byte> block, int group)
    {
        int low = (block[4 + group / 2] >> (4 * (group % 2))) & 0x0F;
        int high = (BinaryPrimitives.ReadUInt16LittleEndian(block[2..]) >> (2 * group)) & 3;
        return (low | (high << 4)) - 32;
    }

    private static void DecodeRun(
        float scale, ReadOnlySpan<sbyte> table, ReadOnlySpan<byte> q, Span<float> values)
    {
        for (int i = 0; i < Half; i++)
        {
            values[i] = scale * table[q[i] & 0x0F];
            values[i + Half] = scale * table[q[i] >> 4];
        }
    }
}
