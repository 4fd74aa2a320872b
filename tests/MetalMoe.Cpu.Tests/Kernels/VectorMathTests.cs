using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed unsafe class VectorMathTests
{
    [Test]
    public void Exp_is_within_two_units_in_the_last_place()
    {
        for (double x = -87; x < 88.7; x += 0.0137)
        {
            float argument = (float)x;
            double expected = Math.Exp(argument);
            float found = VectorMath.Exp(Vector512.Create(argument)).ToScalar();
            double unit = MathF.BitIncrement((float)expected) - (double)(float)expected;
            Assert.That(Math.Abs(found - expected), Is.LessThanOrEqualTo(2 * unit), $"{x}");
        }
    }

    [TestCase(float.NegativeInfinity, 0f)]
    [TestCase(-1000f, 0f)]
    [TestCase(float.PositiveInfinity, float.PositiveInfinity)]
    [TestCase(1000f, float.PositiveInfinity)]
    [TestCase(float.NaN, float.NaN)]
    [TestCase(0f, 1f)]
    public void Exp_of_special_values(float x, float expected) =>
        Assert.That(VectorMath.Exp(Vector512.Create(x)).ToScalar(), Is.EqualTo(expected));

    [Test]
    public void Exp_reaches_subnormal_results()
    {
        float found = VectorMath.Exp(Vector512.Create(-100f)).ToScalar();
        Assert.That(found, Is.EqualTo((float)Math.Exp(-100)).Within(2 * float.Epsilon));
    }

    [TestCase(-200f)]
    [TestCase(-20f)]
    [TestCase(-1e-6f)]
    [TestCase(0f)]
    [TestCase(3.5f)]
    [TestCase(200f)]
    public void Sigmoid_silu_and_softplus_match_double_precision(float x)
    {
        double sigmoid = 1 / (1 + Math.Exp(-(double)x));
        double softplus = x > 30 ? x : Math.Log(1 + Math.Exp(x));
        Assert.That(VectorMath.Sigmoid(Vector512.Create(x)).ToScalar(),
            Is.EqualTo(sigmoid).Within(3e-7));
        Assert.That(VectorMath.Silu(Vector512.Create(x)).ToScalar(),
            Is.EqualTo(x * sigmoid).Within(3e-7 * (1 + Math.Abs(x))));
        Assert.That(VectorMath.Softplus(x), Is.EqualTo(softplus).Within(1e-6 * (1 + softplus)));
    }

    [Test]
    public void Half_vectors_decode_every_bit_pattern_exactly()
    {
        ushort* source = stackalloc ushort[16];
        for (int first = 0; first < 65536; first += 16)
        {
            for (int i = 0; i < 16; i++)
            {
                source[i] = (ushort)(first + i);
            }
            Vector512<float> found = HalfVector.Load(source);
            for (int i = 0; i < 16; i++)
            {
                float expected = (float)BitConverter.UInt16BitsToHalf(source[i]);
                bool same = float.IsNaN(expected)
                    ? float.IsNaN(found[i])
                    : BitConverter.SingleToInt32Bits(found[i])
                        == BitConverter.SingleToInt32Bits(expected);
                Assert.That(same, Is.True, $"pattern {source[i]:x4}");
            }
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(15)]
    [TestCase(16)]
    [TestCase(40)]
    public void Partial_loads_and_stores_touch_only_their_values(int count)
    {
        float* memory = stackalloc float[48];
        for (int i = 0; i < 48; i++)
        {
            memory[i] = i + 1;
        }
        Vector512<float> loaded = VectorMath.LoadPartial(memory, count);
        VectorMath.StorePartial(Vector512.Create(-1f), memory, count);
        for (int i = 0; i < 16; i++)
        {
            Assert.That(loaded[i], Is.EqualTo(i < count ? i + 1 : 0));
        }
        for (int i = 0; i < 48; i++)
        {
            Assert.That(memory[i], Is.EqualTo(i < Math.Min(count, 16) ? -1 : i + 1));
        }
    }
}
