namespace MetalMoe.Core.Quants;

/// <summary>
/// Super-blocks of 256 values: groups of 16 or 32 have small integer scales s (and minimums m)
/// that multiply a binary16 scale d (and dmin) of the whole block.
/// <code>
/// Q2_K   84 bytes  0 s|m[16]   16 q[64]   80 d   82 dmin           x = d s q - dmin m
/// Q3_K  110 bytes  0 high[32]   32 q[64]   96 s[12]   108 d        x = d s (q - 4)
/// Q4_K  144 bytes  0 d   2 dmin   4 s,m[12]   16 q[128]            x = d s q - dmin m
/// Q5_K  176 bytes  0 d   2 dmin   4 s,m[12]   16 high[32]   48 q[128]
/// Q6_K  210 bytes  0 q[128]   128 high[64]   192 s[16], signed   208 d   x = d s (q - 32)
/// </code>
/// Groups are 16 values in Q2_K, Q3_K and Q6_K, 32 in Q4_K and Q5_K. Q2_K keeps s in the low and
/// m in the high nibble; the others' packings are in <see cref="PackedScales"/>. The order of
/// the quants' bits is told at each decoder.
/// Source: the GGUF specification; block layouts of <c>ggml-common.h</c>.
/// </summary>
internal static class KBlocks
{
    /// <summary>Values in a super-block.</summary>
    public const int Size = 256;

    /// <summary>
    /// Each half of 128 values has 32 bytes; byte l holds values l, l + 32, l + 64, l + 96 of the
    /// half, two bits each from the lowest up.
    /// </summary>
    public static void DecodeQ2_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block[80..]);
        float dmin = Floats.ReadHalf(block[82..]);
        for (int group = 0; group < 16; group++)
        {
            float scale = d * (block[group] & 0x0F);
            float min = dmin * (block[group] >> 4);
            ReadOnlySpan<byte> q = block.Slice(16 + TwoBitByte(group), 16);
            int shift = TwoBitShift(group);
            Span<float> x = values.Slice(16 * group, 16);
            for (int l = 0; l < 16; l++)
            {
                x[l] = scale * ((q[l] >> shift) & 3) - min;
            }
        }
    }

    /// <summary>
    /// The lower two bits as in Q2_K; the third bit of value 32 k + l is bit k of high[l].
    /// </summary>
    public static void DecodeQ3_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block[108..]);
        ReadOnlySpan<byte> scales = block.Slice(96, PackedScales.Bytes);
        for (int group = 0; group < 16; group++)
        {
            float scale = d * PackedScales.ReadSigned(scales, group);
            ReadOnlySpan<byte> high = block.Slice(16 * (group % 2), 16);
            ReadOnlySpan<byte> q = block.Slice(32 + TwoBitByte(group), 16);
            int shift = TwoBitShift(group);
            Span<float> x = values.Slice(16 * group, 16);
            for (int l = 0; l < 16; l++)
            {
                int third = ((high[l] >> (group / 2)) & 1) << 2;
                x[l] = scale * (((q[l] >> shift) & 3) + third - 4);
            }
        }
    }

    /// <summary>
    /// Each quarter of 64 values has 32 bytes; byte l holds value l of the quarter in its low
    /// nibble and value l + 32 in its high nibble.
    /// </summary>
    public static void DecodeQ4_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        float dmin = Floats.ReadHalf(block[2..]);
        ReadOnlySpan<byte> packed = block.Slice(4, PackedScales.Bytes);
        for (int group = 0; group < 8; group++)
        {
            var (s, m) = PackedScales.ReadPair(packed, group);
            float scale = d * s;
            float min = dmin * m;
            ReadOnlySpan<byte> q = block.Slice(16 + 32 * (group / 2), 32);
            int shift = 4 * (group % 2);
            Span<float> x = values.Slice(32 * group, 32);
            for (int l = 0; l < 32; l++)
            {
                x[l] = scale * ((q[l] >> shift) & 0x0F) - min;
            }
        }
    }

    /// <summary>
    /// The lower four bits as in Q4_K; the fifth bit of value 32 k + l is bit k of high[l].
    /// </summary>
    public static void DecodeQ5_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        float dmin = Floats.ReadHalf(block[2..]);
        ReadOnlySpan<byte> packed = block.Slice(4, PackedScales.Bytes);
        ReadOnlySpan<byte> high = block.Slice(16, 32);
        for (int group = 0; group < 8; group++)
        {
            var (s, m) = PackedScales.ReadPair(packed, group);
            float scale = d * s;
            float min = dmin * m;
            ReadOnlySpan<byte> q = block.Slice(48 + 32 * (group / 2), 32);
            int shift = 4 * (group % 2);
            Span<float> x = values.Slice(32 * group, 32);
            for (int l = 0; l < 32; l++)
            {
                int fifth = ((high[l] >> group) & 1) << 4;
                x[l] = scale * (((q[l] >> shift) & 0x0F) | fifth) - min;
            }
        }
    }

    /// <summary>
    /// Each half of 128 values is four runs of 32. Its 64 bytes of q hold runs 0 and 1 in their
    /// low nibbles and runs 2 and 3 in their high nibbles; its 32 bytes of high hold the upper
    /// two bits of run r at bit 2 r.
    /// </summary>
    public static void DecodeQ6_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block[208..]);
        ReadOnlySpan<byte> scales = block.Slice(192, 16);
        for (int group = 0; group < 16; group++)
        {
            float scale = d * (sbyte)scales[group];
            ReadOnlySpan<byte> q = block.Slice(SixBitByte(group), 16);
            ReadOnlySpan<byte> high = block.Slice(128 + TwoBitByte(group), 16);
            int shift = SixBitShift(group);
            int highShift = TwoBitShift(group);
            Span<float> x = values.Slice(16 * group, 16);
            for (int l = 0; l < 16; l++)
            {
                int low = (q[l] >> shift) & 0x0F;
                x[l] = scale * ((low | (((high[l] >> highShift) & 3) << 4)) - 32);
            }
        }
    }

    /// <summary>First byte of a 16-value group's 2-bit fields: 32 bytes serve each half.</summary>
    public static int TwoBitByte(int group) => 32 * (group / 8) + 16 * (group % 2);

    /// <summary>Position of a 16-value group's 2-bit fields in their bytes.</summary>
    public static int TwoBitShift(int group) => 2 * (group % 8 / 2);

    /// <summary>First byte of a Q6_K group's nibbles: 64 bytes serve each half.</summary>
    public static int SixBitByte(int group) => 64 * (group / 8) + 16 * (group % 4);

    /// <summary>Position of a Q6_K group's nibbles in their bytes.</summary>
    public static int SixBitShift(int group) => 4 * (group % 8 / 4);
}
