using System.Runtime.InteropServices;
using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

public sealed class FloatsTests
{
    [Test]
    public void Every_binary16_pattern_decodes_to_its_value() =>
        EveryPatternDecodes(QuantFormat.F16, exponentBits: 5, fractionBits: 10);

    [Test]
    public void Every_bfloat16_pattern_decodes_to_its_value() =>
        EveryPatternDecodes(QuantFormat.BF16, exponentBits: 8, fractionBits: 7);

    [TestCase(QuantFormat.F16)]
    [TestCase(QuantFormat.BF16)]
    public void Every_finite_pattern_survives_decode_and_encode(QuantFormat format)
    {
        float[] values = DecodeAllPatterns(format);
        for (int pattern = 0; pattern < values.Length; pattern++)
        {
            if (float.IsFinite(values[pattern]))
            {
                Assert.That(Encode(format, values[pattern]), Is.EqualTo(pattern));
            }
        }
    }

    /// <summary>Halfway between two neighbours the one with an even pattern wins.</summary>
    [TestCase(QuantFormat.F16, 0x7BFE)]
    [TestCase(QuantFormat.BF16, 0x7F7E)]
    public void Values_between_neighbours_round_to_nearest_even(QuantFormat format, int last)
    {
        float[] values = DecodeAllPatterns(format);
        for (int pattern = 0; pattern <= last; pattern++)
        {
            float middle = (float)(((double)values[pattern] + values[pattern + 1]) / 2);
            int even = pattern + (pattern & 1);
            Assert.That(Encode(format, middle), Is.EqualTo(even));
            Assert.That(Encode(format, MathF.BitDecrement(middle)), Is.EqualTo(pattern));
            Assert.That(Encode(format, MathF.BitIncrement(middle)), Is.EqualTo(pattern + 1));
            Assert.That(Encode(format, -middle), Is.EqualTo(0x8000 | even));
        }
    }

    [Test]
    public void F32_rows_are_kept_to_the_bit()
    {
        float[] values = [1, -0f, float.Epsilon, float.MaxValue, 0.1f];
        var row = new byte[20];
        var back = new float[5];
        QuantEncoder.EncodeRow(QuantFormat.F32, values, row);
        QuantDecoder.DecodeRow(QuantFormat.F32, row, back);
        Assert.That(
            MemoryMarshal.AsBytes<float>(back).SequenceEqual(MemoryMarshal.AsBytes<float>(values)));
        Assert.That(row[..4], Is.EqualTo(new byte[] { 0, 0, 0x80, 0x3F }));
    }

    [Test]
    public void A_value_beyond_binary16_is_refused_not_made_infinite() =>
        Assert.That(
            () => Encode(QuantFormat.F16, 65520),
            Throws.ArgumentException.With.Message.Contains("65504"));

    [Test]
    public void Bf16_keeps_NaN_a_NaN_and_lets_huge_values_become_infinite()
    {
        float signalling = BitConverter.UInt32BitsToSingle(0x7F80_0001);
        Assert.Multiple(() =>
        {
            Assert.That(Bf16.ToSingle(Bf16.FromSingle(signalling)), Is.NaN);
            Assert.That(Bf16.FromSingle(float.PositiveInfinity), Is.EqualTo(0x7F80));
            Assert.That(Bf16.FromSingle(-float.MaxValue), Is.EqualTo(0xFF80));
        });
    }

    /// <summary>The value from its definition: sign, fraction and power of two.</summary>
    private static void EveryPatternDecodes(
        QuantFormat format, int exponentBits, int fractionBits)
    {
        float[] values = DecodeAllPatterns(format);
        int top = (1 << exponentBits) - 1;
        int bias = top / 2;
        for (int pattern = 0; pattern < values.Length; pattern++)
        {
            int exponent = (pattern >> fractionBits) & top;
            int fraction = pattern & ((1 << fractionBits) - 1);
            double one = exponent == 0 ? 0 : 1 << fractionBits;
            double magnitude = exponent == top
                ? fraction == 0 ? double.PositiveInfinity : double.NaN
                : Math.ScaleB(one + fraction, Math.Max(exponent, 1) - bias - fractionBits);
            double expected = (pattern & 0x8000) != 0 ? -magnitude : magnitude;
            Assert.That((double)values[pattern], Is.EqualTo(expected), $"{pattern:X4}");
            Assert.That(float.IsNegative(values[pattern]), Is.EqualTo((pattern & 0x8000) != 0));
        }
    }

    private static float[] DecodeAllPatterns(QuantFormat format)
    {
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        var values = new float[65536];
        QuantDecoder.DecodeRow(format, MemoryMarshal.AsBytes<ushort>(patterns), values);
        return values;
    }

    private static ushort Encode(QuantFormat format, float value)
    {
        Span<byte> bytes = stackalloc byte[2];
        QuantEncoder.EncodeRow(format, [value], bytes);
        return (ushort)(bytes[0] | (bytes[1] << 8));
    }
}
