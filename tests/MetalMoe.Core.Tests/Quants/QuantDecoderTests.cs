using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

public sealed class QuantDecoderTests
{
    private const ushort One = 0x3C00;
    private const ushort SmallestHalf = 0x0001;

    /// <summary>
    /// Blocks that are zero but for a few bytes, and values worked out by hand from the layouts:
    /// (offset, byte) pairs in, (index, value) pairs out.
    /// </summary>
    private static readonly KnownBlock[] KnownBlocks =
    [
        new(QuantFormat.Q4_0,
            [(1, 0x40), (2, 0xF0), (17, 0x19)], // d = 2
            [(0, -16), (16, 14), (15, 2), (31, -14), (1, -16)]),
        new(QuantFormat.Q4_1,
            [(1, 0x38), (3, 0xBC), (7, 0x2C)], // d = 0.5, m = -1
            [(3, 5), (19, 0), (0, -1)]),
        new(QuantFormat.Q5_0,
            [(1, 0x3C), (2, 0x01), (5, 0x80), (6, 0x0F), (21, 0xF0)],
            [(0, 15), (31, 15), (15, -16), (16, -16)]),
        new(QuantFormat.Q5_1,
            [(1, 0x3C), (3, 0x49), (6, 0x01), (8, 0x21)], // m = 10
            [(0, 11), (16, 28), (31, 10)]),
        new(QuantFormat.Q8_0,
            [(1, 0x34), (2, 0x80), (33, 0x7F)], // d = 0.25
            [(0, -32), (31, 31.75f), (1, 0)]),
        new(QuantFormat.Q2_K, // d = 1, dmin = 0.5
            [(0, 0x21), (2, 1), (4, 1), (6, 1), (15, 0xF3), (16, 0xE4), (79, 0xC0),
                (81, 0x3C), (83, 0x38)],
            [(0, -1), (32, 1), (64, 2), (96, 3), (255, 1.5f), (254, -7.5f)]),
        new(QuantFormat.Q3_K, // groups 0, 15: s = 1, 31; the others -32
            [(0, 0x01), (31, 0x80), (32, 0x03), (95, 0xC0), (96, 0x01), (104, 0x02),
                (103, 0xF0), (107, 0xC0), (109, 0x3C)],
            [(0, 3), (1, -4), (32, 128), (255, 93)]),
        new(QuantFormat.Q4_K, // group 0: s, m = 5, 3; group 7: 53, 41
            [(1, 0x3C), (3, 0x3C), (4, 5), (8, 3), (7, 0xC0), (11, 0x80), (15, 0x95),
                (16, 0x0F), (143, 0x70)],
            [(0, 72), (1, -3), (32, 0), (254, -41), (255, 330)]),
        new(QuantFormat.Q5_K, // the scales of the Q4_K block
            [(1, 0x3C), (3, 0x3C), (4, 5), (8, 3), (7, 0xC0), (11, 0x80), (15, 0x95),
                (16, 0x01), (47, 0x80), (48, 0x0F), (175, 0x70)],
            [(0, 152), (1, -3), (32, 0), (254, -41), (255, 1178)]),
        new(QuantFormat.Q6_K, // d = 0.5; groups 0, 15: s = 2, -2
            [(0, 0x0F), (127, 0xA0), (128, 0x03), (191, 0x80), (192, 2), (207, 0xFE),
                (209, 0x38)],
            [(0, 31), (1, -32), (255, -10), (254, 32), (128, 0)]),
        new(QuantFormat.IQ4_NL,
            [(1, 0x3C), (2, 0xF0), (17, 0x87)],
            [(0, -127), (16, 113), (15, -10), (31, 1)]),
        new(QuantFormat.IQ4_XS, // groups 0, 7: s = 1, 31; the others -32
            [(1, 0x3C), (2, 0x02), (3, 0xC0), (4, 0x01), (7, 0xF0), (8, 0x08), (135, 0xF0)],
            [(0, 1), (16, -127), (32, 4064), (255, 3503), (239, -3937)]),
        new(QuantFormat.MXFP4, // e = 127: scale 1
            [(0, 127), (1, 0x97), (16, 0x1F)],
            [(0, 6), (16, -0.5f), (15, -6), (31, 0.5f), (1, 0)]),
    ];

    /// <summary>Where each format keeps its binary16 fields.</summary>
    private static readonly (QuantFormat Format, int[] Halves)[] HalfFields =
    [
        (QuantFormat.Q4_0, [0]),
        (QuantFormat.Q4_1, [0, 2]),
        (QuantFormat.Q5_0, [0]),
        (QuantFormat.Q5_1, [0, 2]),
        (QuantFormat.Q8_0, [0]),
        (QuantFormat.Q2_K, [80, 82]),
        (QuantFormat.Q3_K, [108]),
        (QuantFormat.Q4_K, [0, 2]),
        (QuantFormat.Q5_K, [0, 2]),
        (QuantFormat.Q6_K, [208]),
        (QuantFormat.IQ4_NL, [0]),
        (QuantFormat.IQ4_XS, [0]),
    ];

    [TestCaseSource(nameof(KnownBlocks))]
    public void A_block_built_by_hand_decodes_to_the_values_worked_out_by_hand(KnownBlock known)
    {
        var block = new byte[QuantFormats.BlockBytes(known.Format)];
        foreach (var (offset, value) in known.Bytes)
        {
            block[offset] = value;
        }
        float[] values = Decode(known.Format, block);
        Assert.Multiple(() =>
        {
            foreach (var (index, expected) in known.Values)
            {
                Assert.That(values[index], Is.EqualTo(expected), $"value {index}");
            }
        });
    }

    /// <summary>
    /// All fields scaled by a power of two scale every product and sum exactly, so a block with
    /// the smallest subnormal scale must give the values of the same block with scale 1, times
    /// 2^-24, to the bit.
    /// </summary>
    [TestCaseSource(nameof(HalfFields))]
    public void A_subnormal_scale_is_as_exact_as_a_normal_one(
        (QuantFormat Format, int[] Halves) layout)
    {
        var random = new Random(31 + (int)layout.Format);
        var block = new byte[QuantFormats.BlockBytes(layout.Format)];
        for (int round = 0; round < 200; round++)
        {
            random.NextBytes(block);
            float[] normal = Decode(layout.Format, WithScale(block, layout.Halves, One));
            float[] tiny = Decode(layout.Format, WithScale(block, layout.Halves, SmallestHalf));
            float[] expected = [.. normal.Select(v => MathF.ScaleB(v, -24))];
            Assert.That(tiny, Is.EqualTo(expected), $"round {round}");
        }
    }

    [TestCaseSource(nameof(HalfFields))]
    public void A_zero_scale_decodes_to_zeros_whatever_the_quants(
        (QuantFormat Format, int[] Halves) layout)
    {
        var block = new byte[QuantFormats.BlockBytes(layout.Format)];
        Array.Fill(block, (byte)0xFF);
        Assert.That(Decode(layout.Format, WithScale(block, layout.Halves, 0)), Is.All.Zero);
    }

    [TestCaseSource(nameof(HalfFields))]
    public void A_block_of_ones_has_a_NaN_scale_and_shows_it(
        (QuantFormat Format, int[] Halves) layout)
    {
        var block = new byte[QuantFormats.BlockBytes(layout.Format)];
        Array.Fill(block, (byte)0xFF);
        Assert.That(Decode(layout.Format, block), Is.All.NaN);
    }

    [Test]
    public void MXFP4_scales_reach_from_float_subnormals_to_overflow()
    {
        var block = new byte[17];
        block[1] = 0x71; // value 0 is 0.5, value 16 is 6
        for (int e = 0; e < 256; e++)
        {
            block[0] = (byte)e;
            float[] values = Decode(QuantFormat.MXFP4, block);
            Assert.That(values[0], Is.EqualTo((float)Math.ScaleB(0.5, e - 127)), $"e {e}");
            Assert.That(values[16], Is.EqualTo((float)Math.ScaleB(6, e - 127)), $"e {e}");
        }
    }

    [Test]
    public void Blocks_of_a_row_are_independent(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format)
    {
        int size = QuantFormats.BlockSize(format);
        int bytes = QuantFormats.BlockBytes(format);
        var row = new byte[5 * bytes];
        new Random(3).NextBytes(row);
        float[] together = Decode(format, row);
        for (int i = 0; i < 5; i++)
        {
            float[] alone = Decode(format, row[(i * bytes)..((i + 1) * bytes)]);
            Assert.That(together[(i * size)..((i + 1) * size)], Is.EqualTo(alone));
        }
    }

    [Test]
    public void An_empty_row_is_a_row(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format) =>
        Assert.That(Decode(format, []), Is.Empty);

    [Test]
    public void Lengths_that_do_not_belong_together_are_refused(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format)
    {
        int size = QuantFormats.BlockSize(format);
        int bytes = QuantFormats.BlockBytes(format);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => QuantDecoder.DecodeRow(format, new byte[bytes - 1], new float[size]),
                Throws.ArgumentException.With.Message.Contains($"expected {bytes} bytes"));
            Assert.That(
                () => QuantDecoder.DecodeRow(format, new byte[bytes + 1], new float[size]),
                Throws.ArgumentException);
        });
        if (size > 1)
        {
            Assert.That(
                () => QuantDecoder.DecodeRow(format, new byte[bytes], new float[size - 1]),
                Throws.ArgumentException.With.Message.Contains($"multiple of {size}"));
        }
    }

    [Test]
    public void An_unknown_format_is_refused() =>
        Assert.That(
            () => QuantDecoder.DecodeRow((QuantFormat)4, [], []),
            Throws.InstanceOf<ArgumentOutOfRangeException>());

    private static float[] Decode(QuantFormat format, byte[] row)
    {
        int blocks = row.Length / QuantFormats.BlockBytes(format);
        var values = new float[blocks * QuantFormats.BlockSize(format)];
        QuantDecoder.DecodeRow(format, row, values);
        return values;
    }

    private static byte[] WithScale(byte[] block, int[] offsets, ushort scale)
    {
        byte[] copy = [.. block];
        foreach (int offset in offsets)
        {
            copy[offset] = (byte)scale;
            copy[offset + 1] = (byte)(scale >> 8);
        }
        return copy;
    }

    /// <summary>A block told by its non-zero bytes, and some of the values it holds.</summary>
    public sealed record KnownBlock(
        QuantFormat Format, (int Offset, byte Value)[] Bytes, (int Index, float Value)[] Values)
    {
        /// <inheritdoc/>
        public override string ToString() => Format.ToString();
    }
}
