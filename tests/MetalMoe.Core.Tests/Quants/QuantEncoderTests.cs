using FsCheck;
using FsCheck.Fluent;
using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

public sealed class QuantEncoderTests
{
    /// <summary>
    /// Root-mean-square error, as a part of the row's largest magnitude, that no block may
    /// exceed. Each is the worst error of the plain encoding that the search starts from and
    /// only improves on. Symmetric formats map the peak to -n: one step of 1/n where a value
    /// of the other sign falls off the short end. Formats with an offset: half a step of the
    /// range, at most twice the peak. K formats add half a step of the integer scale (times the
    /// levels) and of the integer minimum.
    /// </summary>
    private static readonly (QuantFormat Format, double Bound)[] Bounds =
    [
        (QuantFormat.Q4_0, 1 / 8.0),
        (QuantFormat.Q4_1, 1 / 15.0),
        (QuantFormat.Q5_0, 1 / 16.0),
        (QuantFormat.Q5_1, 1 / 31.0),
        (QuantFormat.Q8_0, 0.5 / 127),
        (QuantFormat.Q2_K, 1 / 3.0 + 2 / 30.0 + 1 / 30.0),
        (QuantFormat.Q3_K, 1 / 4.0 + 1 / 64.0),
        (QuantFormat.Q4_K, 1 / 15.0 + 2 / 126.0 + 1 / 126.0),
        (QuantFormat.Q5_K, 1 / 31.0 + 2 / 126.0 + 1 / 126.0),
        (QuantFormat.Q6_K, 1 / 32.0 + 1 / 256.0),
        (QuantFormat.IQ4_NL, 14 / 127.0),
        (QuantFormat.IQ4_XS, 14 / 127.0 + 1 / 64.0),
        (QuantFormat.MXFP4, 1 / 4.0),
        (QuantFormat.F16, 1 / 2048.0),
        (QuantFormat.BF16, 1 / 256.0),
        (QuantFormat.F32, 0),
    ];

    /// <summary>Formats whose own values a block can be refitted to exactly, with the quant
    /// bytes that make sure the block uses the end of the range its scale is found from.</summary>
    private static readonly (QuantFormat Format, int Offset, byte Ends)[] Refittable =
    [
        (QuantFormat.Q4_0, 2, 0x00),
        (QuantFormat.Q4_1, 4, 0xF0),
        (QuantFormat.Q8_0, 2, 0x81),
        (QuantFormat.IQ4_NL, 2, 0x00),
        (QuantFormat.MXFP4, 1, 0xFF),
    ];

    [TestCaseSource(nameof(Bounds))]
    public void The_error_stays_within_the_bound_of_the_plain_encoding(
        (QuantFormat Format, double Bound) expected) =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<int>(), Gen.Choose(-10, 6).ToArbitrary(),
            (seed, exponent) =>
            {
                float[] x = Row(seed, exponent, 512);
                double peak = x.Max(v => Math.Abs(v));
                float[] back = RoundTrip(expected.Format, x);
                // A thousandth for the rounding of binary16 scales.
                return Rmse(x, back) <= expected.Bound * peak * 1.001;
            }).QuickCheckThrowOnFailure();

    [Test]
    public void No_value_of_Q8_0_misses_by_more_than_half_a_step() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<int>(), Gen.Choose(0, 6).ToArbitrary(),
            (seed, exponent) =>
            {
                float[] x = Row(seed, exponent, 32);
                float step = (float)(Half)(x.Max(v => Math.Abs(v)) / 127);
                float[] back = RoundTrip(QuantFormat.Q8_0, x);
                return x.Zip(back).All(p => Math.Abs(p.First - p.Second) <= 0.5001f * step);
            }).QuickCheckThrowOnFailure();

    [TestCaseSource(nameof(Refittable))]
    public void Values_that_a_block_holds_exactly_are_stored_exactly(
        (QuantFormat Format, int Offset, byte Ends) block)
    {
        var random = new Random(17);
        var bytes = new byte[QuantFormats.BlockBytes(block.Format)];
        var x = new float[32];
        for (int round = 0; round < 200; round++)
        {
            random.NextBytes(bytes);
            SetScales(block.Format, bytes);
            bytes[block.Offset] = block.Ends;
            if (block.Format == QuantFormat.Q8_0)
            {
                // The byte -128 is never written, its magnitude would be beyond the scale's.
                bytes.AsSpan(3).Replace((byte)0x80, (byte)0x81);
            }
            QuantDecoder.DecodeRow(block.Format, bytes, x);
            Assert.That(RoundTrip(block.Format, x), Is.EqualTo(x), $"round {round}");
        }
    }

    [Test]
    public void Zeros_stay_zeros(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format) =>
        Assert.That(RoundTrip(format, new float[256]), Is.All.Zero);

    [TestCase(0.75f)]
    [TestCase(-0.75f)]
    public void A_constant_row_stays_within_one_percent(float value)
    {
        float[] row = [.. Enumerable.Repeat(value, 256)];
        foreach (QuantFormat format in QuantFormats.All.Where(f => f != QuantFormat.MXFP4))
        {
            Assert.That(
                RoundTrip(format, row), Is.All.EqualTo(value).Within(1).Percent, $"{format}");
        }
    }

    /// <summary>
    /// A scale too small for binary16 becomes zero, which loses the values but nothing else.
    /// </summary>
    [TestCase(1e-9f)]
    [TestCase(1e-38f)]
    [TestCase(1e-45f)]
    public void Vanishing_values_decode_to_something_as_small(float value)
    {
        float[] row = [.. Enumerable.Range(0, 256).Select(i => i % 3 == 0 ? value : -value)];
        foreach (QuantFormat format in QuantFormats.All)
        {
            float[] back = RoundTrip(format, row);
            Assert.That(back.Max(v => Math.Abs(v)), Is.LessThanOrEqualTo(2 * value), $"{format}");
        }
    }

    [Test]
    public void A_value_that_is_not_finite_is_refused_by_its_place(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format,
        [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float bad)
    {
        var row = new float[256];
        row[200] = bad;
        Assert.That(
            () => RoundTrip(format, row),
            Throws.ArgumentException.With.Message.Contains("value 200"));
    }

    [Test]
    public void Values_too_large_for_the_scale_are_refused()
    {
        float[] row = [.. Enumerable.Repeat(float.MaxValue, 256)];
        foreach (QuantFormat format in QuantFormats.All)
        {
            if (format is QuantFormat.F32 or QuantFormat.BF16 or QuantFormat.MXFP4)
            {
                continue;
            }
            Assert.That(() => RoundTrip(format, row), Throws.ArgumentException, $"{format}");
        }
    }

    [Test]
    public void Lengths_that_do_not_belong_together_are_refused(
        [ValueSource(typeof(QuantFormats), nameof(QuantFormats.All))] QuantFormat format)
    {
        int size = QuantFormats.BlockSize(format);
        int bytes = QuantFormats.BlockBytes(format);
        Assert.That(
            () => QuantEncoder.EncodeRow(format, new float[size], new byte[bytes + 1]),
            Throws.ArgumentException.With.Message.Contains($"expected {bytes} bytes"));
    }

    /// <summary>
    /// Values of mixed character: each run of 16 has its own spread and offset, some are zero.
    /// </summary>
    private static float[] Row(int seed, int exponent, int columns)
    {
        var random = new Random(seed);
        var row = new float[columns];
        float spread = 1, offset = 0;
        for (int i = 0; i < columns; i++)
        {
            if (i % 16 == 0)
            {
                spread = random.NextSingle();
                offset = random.Next(3) == 0 ? random.NextSingle() - 0.5f : 0;
            }
            float value = spread * (2 * random.NextSingle() - 1) + offset;
            row[i] = random.Next(20) == 0 ? 0 : MathF.ScaleB(value, exponent);
        }
        return row;
    }

    private static float[] RoundTrip(QuantFormat format, float[] row)
    {
        var bytes = new byte[QuantFormats.RowBytes(format, row.Length)];
        var back = new float[row.Length];
        QuantEncoder.EncodeRow(format, row, bytes);
        QuantDecoder.DecodeRow(format, bytes, back);
        return back;
    }

    private static double Rmse(float[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (a, b) => Math.Pow((double)a - b, 2)).Average());

    /// <summary>Plain scales: 0.5, and 0.25 where there is a second one.</summary>
    private static void SetScales(QuantFormat format, byte[] block)
    {
        if (format == QuantFormat.MXFP4)
        {
            block[0] = 120;
            return;
        }
        (block[0], block[1]) = (0x00, 0x38);
        if (format == QuantFormat.Q4_1)
        {
            (block[2], block[3]) = (0x00, 0x34);
        }
    }
}
