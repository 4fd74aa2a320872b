using MetalMoe.Core.Runtime.Sampling;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime.Sampling;

[TestFixture]
public sealed class SamplerTests
{
    private const int Vocabulary = 60;

    private static IEnumerable<TestCaseData> Filters()
    {
        var off = new SamplingOptions { Temperature = 1, TopK = 0, TopP = 1 };
        yield return new TestCaseData(off).SetArgDisplayNames("off");
        yield return new TestCaseData(off with { Temperature = 0.5f }).SetArgDisplayNames("T0.5");
        yield return new TestCaseData(off with { Temperature = 2 }).SetArgDisplayNames("T2");
        yield return new TestCaseData(off with { TopK = 1 }).SetArgDisplayNames("k1");
        yield return new TestCaseData(off with { TopK = 7 }).SetArgDisplayNames("k7");
        yield return new TestCaseData(off with { TopK = 500 }).SetArgDisplayNames("k500");
        yield return new TestCaseData(off with { TopP = 0.5f }).SetArgDisplayNames("p0.5");
        yield return new TestCaseData(off with { TopP = 0.01f }).SetArgDisplayNames("p0.01");
        yield return new TestCaseData(off with { MinP = 0.05f }).SetArgDisplayNames("m0.05");
        yield return new TestCaseData(off with { MinP = 1 }).SetArgDisplayNames("m1");
        yield return new TestCaseData(new SamplingOptions { MinP = 0.1f })
            .SetArgDisplayNames("k40 p0.95 m0.1 T0.7");
        yield return new TestCaseData(SamplingOptions.Thinking).SetArgDisplayNames("thinking");
        yield return new TestCaseData(SamplingOptions.Coding).SetArgDisplayNames("coding");
        yield return new TestCaseData(SamplingOptions.NonThinking).SetArgDisplayNames("plain");
        yield return new TestCaseData(SamplingOptions.Greedy).SetArgDisplayNames("greedy");
        yield return new TestCaseData(off with
        {
            RepetitionPenalty = 1.3f,
            FrequencyPenalty = 0.4f,
            PresencePenalty = -0.2f,
            PenaltyWindow = 5,
            LogitBias = new Dictionary<int, float>
            {
                [3] = 2,
                [4] = float.NegativeInfinity,
                [9] = -1.5f,
            },
        }).SetArgDisplayNames("penalties and bias");
    }

    [TestCaseSource(nameof(Filters))]
    public void Every_draw_is_the_one_that_plain_double_arithmetic_makes(SamplingOptions options)
    {
        const int Draws = 2000;
        var random = new Random(7);
        var sampler = new Sampler(options with { Seed = 99 }, Vocabulary);
        var numbers = new SplitMix64(99);
        var history = new List<int>();
        for (int i = 0; i < Draws; i++)
        {
            float[] logits = RandomLogits(random);
            double[] expected = NaiveSampler.Distribution(options, logits, history);
            double u = options.Temperature == 0 ? 0.5 : numbers.NextDouble();

            int token = sampler.Sample(logits);

            Assert.That(token, Is.EqualTo(NaiveSampler.Draw(expected, u)), $"draw {i}");
            sampler.Accept(token);
            history.Add(token);
        }
    }

    [TestCaseSource(nameof(Filters))]
    public void Draws_follow_the_distribution(SamplingOptions options)
    {
        const int Draws = 50_000;
        float[] logits = RandomLogits(new Random(11));
        double[] expected = NaiveSampler.Distribution(options, logits, []);
        var sampler = new Sampler(options with { Seed = 5 }, Vocabulary);
        var counts = new int[Vocabulary];
        for (int i = 0; i < Draws; i++)
        {
            counts[sampler.Sample(logits)]++;
        }

        // Cells with few expected draws are pooled, as the chi-square approximation wants.
        double chi = 0, rareExpected = 0, rareCount = 0;
        int cells = 0;
        for (int i = 0; i < Vocabulary; i++)
        {
            double mean = expected[i] * Draws;
            Assert.That(counts[i] == 0 || mean > 0, $"token {i} was filtered and drawn");
            if (mean < 10)
            {
                rareExpected += mean;
                rareCount += counts[i];
                continue;
            }
            chi += Math.Pow(counts[i] - mean, 2) / mean;
            cells++;
        }
        chi += rareExpected > 0 ? Math.Pow(rareCount - rareExpected, 2) / rareExpected : 0;
        // Mean plus five standard deviations of chi-square with as many degrees of freedom.
        double bound = cells + (5 * Math.Sqrt(2 * cells)) + 5;
        TestContext.Out.WriteLine($"chi-square {chi:f1} with {cells} cells, bound {bound:f1}");
        Assert.That(chi, Is.LessThan(bound));
    }

    [Test]
    public void The_best_k_of_many_are_those_of_a_full_sort_ties_by_id()
    {
        var random = new Random(3);
        foreach (int k in (int[])[1, 2, 40, 999, 1000])
        {
            float[] logits = [.. Enumerable.Range(0, 1000).Select(_ => (float)random.Next(30))];
            var best = new int[k];

            CandidateHeap.SelectBest(logits, best);

            int[] sorted = [.. Enumerable.Range(0, 1000).OrderByDescending(i => logits[i]).Take(k)];
            Assert.That(best, Is.EquivalentTo(sorted), $"k = {k}");
        }
    }

    [Test]
    public void Greedy_takes_the_lower_id_on_a_tie() =>
        Assert.That(new Sampler(SamplingOptions.Greedy, 4).Sample([1, 3, 3, 2]), Is.EqualTo(1));

    [Test]
    public void The_same_seed_gives_the_same_draws_and_another_seed_others()
    {
        float[] logits = RandomLogits(new Random(2));
        int[] Draws(ulong seed)
        {
            var sampler = new Sampler(
                new SamplingOptions { Temperature = 1.5f, Seed = seed }, Vocabulary);
            return [.. Enumerable.Range(0, 100).Select(_ => sampler.Sample(logits))];
        }

        Assert.That(Draws(1), Is.EqualTo(Draws(1)));
        Assert.That(Draws(1), Is.Not.EqualTo(Draws(2)));
    }

    [Test]
    public void Reset_forgets_the_penalties_and_starts_the_seed_again()
    {
        float[] logits = RandomLogits(new Random(2));
        var sampler = new Sampler(SamplingOptions.Thinking with { Seed = 8 }, Vocabulary);
        int[] Draws()
        {
            var draws = new int[50];
            for (int i = 0; i < draws.Length; i++)
            {
                draws[i] = sampler.Sample(logits);
                sampler.Accept(draws[i]);
            }
            return draws;
        }
        int[] first = Draws();
        sampler.Reset();

        Assert.That(Draws(), Is.EqualTo(first));
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_logit_that_is_no_number_is_an_error_that_names_the_token(float bad)
    {
        foreach (int position in (int[])[0, 31, Vocabulary - 1])
        {
            float[] logits = RandomLogits(new Random(2));
            logits[position] = bad;
            var sampler = new Sampler(new SamplingOptions(), Vocabulary);

            Assert.That(() => sampler.Sample(logits), Throws.TypeOf<MetalMoeException>()
                .With.Message.Contains($"for token {position}").And.Message.Not.Contains("\n"));
        }
    }

    [Test]
    public void No_possible_token_is_an_error()
    {
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 5)];

        Assert.That(() => new Sampler(SamplingOptions.Greedy, 5).Sample(logits),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("no token is possible"));
    }

    [Test]
    public void A_token_allocates_nothing()
    {
        var options = SamplingOptions.Thinking with
        {
            MinP = 0.01f,
            LogitBias = new Dictionary<int, float> { [1] = 1 },
        };
        var sampler = new Sampler(options, 5000);
        float[] logits = new float[5000];
        logits[77] = 3;
        sampler.Accept(sampler.Sample(logits));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            sampler.Accept(sampler.Sample(logits));
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    // Coarse values, so that ties happen.
    private static float[] RandomLogits(Random random) =>
        [.. Enumerable.Range(0, Vocabulary).Select(_ => random.Next(-24, 24) * 0.25f)];
}
