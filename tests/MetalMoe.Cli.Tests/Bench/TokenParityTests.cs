using MetalMoe.Cli.Compare;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

public sealed class TokenParityTests
{
    [Test]
    public void Divergence_is_that_of_the_two_distributions()
    {
        // (1/2, 1/4, 1/4) against (1/4, 1/4, 1/2), each with another constant on its logits.
        float[] p = [5 + MathF.Log(2), 5, 5];
        float[] q = [-3, -3, -3 + MathF.Log(2)];

        double kl = TokenParity.KullbackLeibler(p, q);

        double expected = (0.5 * Math.Log(2)) + 0 + (0.25 * Math.Log(0.5));
        Assert.That(kl, Is.EqualTo(expected).Within(1e-6));
        Assert.That(TokenParity.KullbackLeibler(p, p), Is.Zero);
    }

    [Test]
    public void Agreement_is_counted_on_the_first_engines_continuation()
    {
        using var ours = new ScriptedEngine(position => position % 5);
        using var peer = new ScriptedEngine(position => position is 6 or 8 ? 1 : position % 5);

        TokenParity parity = TokenParity.Measure(
            ours, peer, [0, 1, 2], positions: 8, CancellationToken.None);

        // Positions 2 to 9 are compared; the engines differ after position 6 only by chance of
        // 6 % 5 = 1, so 8 is the one that disagrees.
        Assert.That((parity.Positions, parity.Agreed, parity.AgreedFromStart),
            Is.EqualTo((8, 7, 6)));
        Assert.That(parity.KlMedian, Is.Zero);
        Assert.That(parity.KlMax, Is.Positive);
        Assert.That(parity.LogitDifferenceMax, Is.EqualTo(4));
        Assert.That(peer.Tokens, Is.EqualTo(ours.Tokens));
    }

    [Test]
    public void A_not_a_number_is_not_hidden()
    {
        using var ours = new ScriptedEngine(_ => 0);
        using var peer = new ScriptedEngine(_ => 0) { Poison = true };

        TokenParity parity = TokenParity.Measure(
            ours, peer, [0], positions: 1, CancellationToken.None);

        Assert.That(parity.LogitDifferenceMax, Is.NaN);
    }

    [Test]
    public void Pairs_alternate_and_every_engine_starts_each_time_anew()
    {
        var log = new List<string>();
        using var ours = new ScriptedEngine(_ => 0) { Log = log, Name = "a" };
        using var peer = new ScriptedEngine(_ => 0) { Log = log, Name = "b" };
        var options = new CompareOptions
        {
            ModelPath = "none",
            Prefill = 4,
            Decode = 2,
            Pairs = 2,
            WarmUp = TimeSpan.Zero,
        };

        IReadOnlyList<ComparedTest> tests = Comparison.Time(
            options, ours, peer, CancellationToken.None);

        string[] run(string e) => [$"{e} reset", $"{e} 4", $"{e} 1", $"{e} 1"];
        string[] pair = [.. run("a"), .. run("b")];
        Assert.That(log, Is.EqualTo([.. pair, .. pair, .. pair]));
        Assert.That(tests.Select(t => t.Test), Is.EqualTo(["pp4", "tg2@d4"]));
        Assert.That(tests.Select(t => t.Ratios.Count), Is.All.EqualTo(2));
    }

    /// <summary>Puts its largest logit where it is told, by the position of the last token.
    /// </summary>
    private sealed class ScriptedEngine(Func<int, int> largest) : IComparedEngine
    {
        private readonly float[] _logits = new float[5];

        public List<int> Tokens { get; } = [];

        public List<string>? Log { get; init; }

        public bool Poison { get; init; }

        public string Name { get; init; } = "scripted";

        public string Version => "1";

        public string Settings => "";

        public double LoadSeconds => 0;

        public int VocabularySize => _logits.Length;

        public ReadOnlySpan<float> Logits => _logits;

        public void Reset()
        {
            Log?.Add($"{Name} reset");
            Tokens.Clear();
        }

        public void Append(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
        {
            Log?.Add($"{Name} {tokens.Length}");
            Tokens.AddRange(tokens);
            Array.Clear(_logits);
            _logits[largest(Tokens.Count - 1)] = 4;
            _logits[4] = Poison ? float.NaN : _logits[4];
        }

        public void Dispose()
        {
        }
    }
}
