using MetalMoe.Core.Runtime.Sampling;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime.Sampling;

[TestFixture]
public sealed class SamplingOptionsTests
{
    private static readonly (string Name, SamplingOptions Options)[] Impossible =
    [
        ("temperature", new() { Temperature = -1 }),
        ("temperature", new() { Temperature = float.NaN }),
        ("top-k", new() { TopK = -1 }),
        ("top-p", new() { TopP = 0 }),
        ("top-p", new() { TopP = 1.01f }),
        ("min-p", new() { MinP = -0.1f }),
        ("repetition penalty", new() { RepetitionPenalty = 0 }),
        ("presence penalty", new() { PresencePenalty = float.PositiveInfinity }),
        ("frequency penalty", new() { FrequencyPenalty = float.NaN }),
        ("penalty window", new() { PenaltyWindow = -1 }),
        ("logit bias", new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } }),
        ("logit bias", new() { LogitBias = new Dictionary<int, float> { [1] = float.NaN } }),
        ("logit bias", new() { LogitBias = new Dictionary<int, float> { [9] = 1 } }),
    ];

    [Test]
    public void A_value_out_of_range_is_one_line_that_names_it()
    {
        foreach (var (name, options) in Impossible)
        {
            Assert.That(() => new Sampler(options, 9), Throws.TypeOf<MetalMoeException>()
                .With.Message.StartsWith($"[sampling] {name}: expected ")
                .And.Message.Not.Contains("\n"));
        }
    }

    [Test]
    public void The_defaults_and_the_presets_are_possible()
    {
        foreach (var options in (SamplingOptions[])[new(), SamplingOptions.Greedy,
            SamplingOptions.Thinking, SamplingOptions.Coding, SamplingOptions.NonThinking])
        {
            Assert.That(options.Validate, Throws.Nothing);
        }
    }

    [Test]
    public void The_random_numbers_are_those_of_the_published_generator()
    {
        // First outputs of the paper's reference code for seed 1234567.
        ulong[] published =
        [
            6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
            16408922859458223821,
        ];
        var random = new SplitMix64(1234567);

        foreach (ulong expected in published)
        {
            Assert.That(random.NextUInt64(), Is.EqualTo(expected));
        }
    }

    [Test]
    public void The_portable_exponential_is_within_1e_15_of_the_exact_one()
    {
        var random = new Random(1);
        double worst = 0;
        for (int i = 0; i < 200_000; i++)
        {
            double x = -Math.Pow(10, (random.NextDouble() * 20) - 17.3);
            double expected = Math.Exp(x);
            double found = PortableMath.ExpOfNonPositive(x);
            if (x > -700)
            {
                worst = Math.Max(worst, Math.Abs(found - expected) / expected);
            }
        }
        TestContext.Out.WriteLine($"portable exp: worst relative difference {worst:e2}");

        Assert.That(worst, Is.LessThan(1e-15));
        Assert.That(PortableMath.ExpOfNonPositive(0), Is.EqualTo(1));
        Assert.That(PortableMath.ExpOfNonPositive(double.NegativeInfinity), Is.Zero);
    }
}
