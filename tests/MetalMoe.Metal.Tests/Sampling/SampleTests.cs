using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Sampling;

[TestFixture]
public sealed class SampleTests
{
    private const int HistoryCapacity = 16;

    [Test]
    public void The_random_numbers_are_those_of_the_published_generator()
    {
        // Known answers of the authors' Random123 library for philox4x32-10.
        Assert.That(SampleReference.Philox([0, 0, 0, 0], 0, 0), Is.EqualTo(
            new uint[] { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 }));
        Assert.That(
            SampleReference.Philox(
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 0xa4093822, 0x299f31d0),
            Is.EqualTo(new uint[] { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 }));
    }

    [TestCase(1)]
    [TestCase(31)]
    [TestCase(1024)]
    [TestCase(3000)]
    public void Greedy_takes_the_largest_logit(int vocabulary)
    {
        float[] logits = Logits(vocabulary, 1);
        Assert.That(
            Sample(logits, SamplingOptions.Greedy, 0),
            Is.EqualTo((uint)Array.IndexOf(logits, logits.Max())));
    }

    [Test]
    public void On_a_tie_the_lower_token_wins()
    {
        float[] logits = Logits(2500, 2);
        logits[2100] = logits[77] = logits[1101] = 9;
        Assert.That(Sample(logits, SamplingOptions.Greedy, 0), Is.EqualTo(77u));
    }

    [TestCase(0.7f, 40, 0.95f, 0f)]
    [TestCase(1.0f, 1, 1f, 0f)]
    [TestCase(1.5f, 600, 1f, 0.02f)]
    [TestCase(0.6f, 1024, 0.8f, 0f)]
    public void Draws_fall_where_the_definition_puts_them(
        float temperature, int topK, float topP, float minP)
    {
        float[] logits = Logits(1500, 3);
        var options = new SamplingOptions
        {
            Temperature = temperature,
            TopK = topK,
            TopP = topP,
            MinP = minP,
            Seed = 0x123456789abcdef,
        };
        var candidates = SampleReference.Candidates(logits, options, []);
        for (uint draw = 0; draw < 4; draw++)
        {
            AssertDrawn(Sample(logits, options, draw), candidates, draw, options.Seed);
        }
    }

    [Test]
    public void More_ties_than_there_is_room_for_are_cut_at_the_lowest_tokens()
    {
        var logits = new float[3000];
        Array.Fill(logits, -1f);
        logits[2999] = 2;
        var options = new SamplingOptions { Temperature = 1, TopK = 5, TopP = 1, Seed = 4 };
        var candidates = SampleReference.Candidates(logits, options, []);
        Assert.That(candidates.Select(c => c.Token), Is.EqualTo(new[] { 2999, 0, 1, 2, 3 }));
        for (uint draw = 0; draw < 3; draw++)
        {
            AssertDrawn(Sample(logits, options, draw), candidates, draw, options.Seed);
        }
    }

    [Test]
    public void Penalties_lower_the_tokens_of_the_window()
    {
        float[] logits = Logits(300, 5);
        int[] order = [.. Enumerable.Range(0, 300).OrderByDescending(t => logits[t])];
        // The oldest is outside the window of 5; the best is in it twice.
        int[] history = [order[1], order[0], order[2], order[0], order[3], order[250]];
        var options = new SamplingOptions
        {
            Temperature = 1,
            TopK = 6,
            TopP = 1,
            PresencePenalty = 1.5f,
            FrequencyPenalty = 0.5f,
            RepetitionPenalty = 1.1f,
            PenaltyWindow = 5,
            Seed = 6,
        };
        var candidates = SampleReference.Candidates(logits, options, history);
        for (uint draw = 0; draw < 3; draw++)
        {
            AssertDrawn(
                Sample(logits, options, draw, history), candidates, draw, options.Seed);
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_logit_that_is_no_number_gives_no_token(float bad)
    {
        float[] logits = Logits(100, 7);
        logits[63] = bad;
        Assert.That(Sample(logits, SamplingOptions.Greedy, 0), Is.EqualTo(SampleKernels.None));
    }

    [Test]
    public void Forbidden_tokens_are_never_drawn()
    {
        var logits = new float[100];
        Array.Fill(logits, float.NegativeInfinity);
        Assert.That(Sample(logits, SamplingOptions.Greedy, 0), Is.EqualTo(SampleKernels.None));
        logits[42] = -3;
        var options = new SamplingOptions { Temperature = 2, TopK = 50, TopP = 1 };
        Assert.That(Sample(logits, options, 1), Is.EqualTo(42u));
    }

    [Test]
    public void Tokens_go_to_the_history_and_to_the_next_step()
    {
        using var runner = new KernelRunner();
        float[] logits = [.. Logits(64, 8), .. Logits(64, 9)];
        SampleRow row = SampleKernels.Row(SamplingOptions.Greedy);
        row.PenaltyWindow = 1;
        row.HistoryCount = HistoryCapacity + 2;
        SampleRow silent = SampleKernels.Row(SamplingOptions.Greedy);
        row.History = 1;
        row.NextToken = 2;
        row.RepetitionPenalty = 1;
        var (sampled, history, next) = Run(runner, logits, [silent, row]);
        uint token = KernelRunner.Read<uint>(sampled)[1];
        Assert.Multiple(() =>
        {
            Assert.That(
                KernelRunner.Read<uint>(history)[HistoryCapacity + 2], Is.EqualTo(token));
            Assert.That(KernelRunner.Read<TokenInfo>(next)[2].TokenId, Is.EqualTo(token));
            Assert.That(KernelRunner.Read<TokenInfo>(next)[0].TokenId, Is.EqualTo(0));
        });
    }

    [Test]
    public void What_the_device_cannot_sample_is_the_hosts()
    {
        Assert.Multiple(() =>
        {
            Assert.That(SampleKernels.Supports(SamplingOptions.Greedy));
            Assert.That(SampleKernels.Supports(SamplingOptions.Thinking));
            Assert.That(SampleKernels.Supports(new() { TopK = 0 }), Is.False);
            Assert.That(SampleKernels.Supports(new() { TopK = 1000, PresencePenalty = 1 }),
                Is.False);
            Assert.That(SampleKernels.Supports(new() { FrequencyPenalty = -1 }), Is.False);
        });
    }

    // A point so near the edge between two candidates that rounding decides may fall on either.
    private static void AssertDrawn(
        uint found, List<(int Token, double Weight)> candidates, uint draw, ulong seed)
    {
        double point = SampleReference.Uniform(draw, seed);
        int[] possible = [.. new[] { -1e-5, 0, 1e-5 }.Select(
            d => SampleReference.Draw(candidates, Math.Clamp(point + d, 0, 1 - 1e-9)))];
        Assert.That(possible, Does.Contain((int)found), $"draw {draw}");
    }

    private static uint Sample(
        float[] logits, SamplingOptions options, uint draw, params int[] history)
    {
        using var runner = new KernelRunner();
        SampleRow row = SampleKernels.Row(options);
        row.Draw = draw;
        row.HistoryCount = (uint)history.Length;
        var (sampled, _, _) = Run(runner, logits, [row], history);
        return KernelRunner.Read<uint>(sampled)[0];
    }

    private static (BufferRef Sampled, BufferRef History, BufferRef Next) Run(
        KernelRunner runner, float[] logits, SampleRow[] rows, params int[] history)
    {
        runner.SetStep(tokens: 1, rows: rows.Length);
        var rings = new uint[rows.Length * HistoryCapacity];
        for (int i = 0; i < history.Length; i++)
        {
            rings[i] = (uint)history[i];
        }
        BufferRef sampled = runner.Output<uint>(rows.Length);
        BufferRef ring = runner.Input<uint>(rings);
        BufferRef next = runner.Input<TokenInfo>(new TokenInfo[3]);
        var args = new SampleArgs
        {
            Vocabulary = (uint)(logits.Length / rows.Length),
            HistoryCapacity = HistoryCapacity,
        };
        runner.Run(
            SampleKernels.Sample, args,
            [runner.Input<float>(logits), runner.Input<SampleRow>(rows), ring, sampled, next],
            new Grid(rows.Length), SampleKernels.Threads);
        return (sampled, ring, next);
    }

    private static float[] Logits(int vocabulary, int seed)
    {
        var random = new Random(seed);
        var logits = new float[vocabulary];
        for (int i = 0; i < vocabulary; i++)
        {
            logits[i] = (random.NextSingle() * 8) - 4;
        }
        return logits;
    }
}
