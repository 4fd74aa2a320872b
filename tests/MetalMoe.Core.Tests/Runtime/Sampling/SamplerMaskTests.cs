using MetalMoe.Core.Runtime.Sampling;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime.Sampling;

[TestFixture]
public sealed class SamplerMaskTests
{
    private static readonly SamplingOptions[] _options =
    [
        SamplingOptions.Greedy, SamplingOptions.Thinking,
        new() { Temperature = 1, TopK = 0, TopP = 1 },
    ];

    [TestCaseSource(nameof(_options))]
    public void A_mask_acts_as_if_the_other_tokens_were_impossible(SamplingOptions options)
    {
        const int Count = 150;
        var random = new Random(3);
        var masked = new Sampler(options, Count);
        var plain = new Sampler(options, Count);
        for (int i = 0; i < 200; i++)
        {
            float[] logits = [.. Enumerable.Range(0, Count)
                .Select(_ => (float)((random.NextDouble() * 12) - 6))];
            ulong[] mask = i % 2 == 0 ? [0, 1UL << random.Next(64), 0]
                : [(ulong)random.NextInt64(), 0, (ulong)random.Next(1, 1 << 20)];
            float[] allowed = [.. logits.Select((x, t) =>
                (mask[t / 64] >> (t % 64) & 1) != 0 ? x : float.NegativeInfinity)];

            int token = masked.Sample(logits, mask);
            Assert.That(token, Is.EqualTo(plain.Sample(allowed)));
            Assert.That(allowed[token], Is.Not.EqualTo(float.NegativeInfinity));
            masked.Accept(token);
            plain.Accept(token);
        }
    }

    [Test]
    public void A_mask_of_another_length_is_refused() =>
        Assert.That(() => new Sampler(SamplingOptions.Greedy, 65).Sample(new float[65], [1UL]),
            Throws.ArgumentException);
}
