using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class LogProbabilityTests
{
    [Test]
    public async Task They_are_the_logarithm_of_the_softmax_of_the_logits()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var session = model.CreateSession();
        session.Append(TinyModel.LongPrompt);
        var found = new List<(int Token, TokenLogProbabilities Values)>();
        var options = TinyModel.Greedy(12) with { TopLogProbabilities = 5 };
        await foreach (var update in session.GenerateAsync(options))
        {
            if (update.TokenId is { } token)
            {
                found.Add((token, update.LogProbabilities!));
            }
        }

        int[] prompt = model.Text.Encode(TinyModel.LongPrompt);
        var rows = new List<double[]>();
        await using var again = model.CreateSession();
        await again.EvaluateAsync(
            (int[])[.. prompt, .. found.Select(f => f.Token)], LogitsMode.All,
            (position, logits) =>
            {
                if (position >= prompt.Length - 1)
                {
                    rows.Add([.. logits.ToArray().Select(x => (double)x)]);
                }
            });

        Assert.That(found, Has.Count.EqualTo(12));
        foreach (var ((token, values), logits) in found.Zip(rows))
        {
            double sum = logits.Sum(Math.Exp);
            int[] best = [.. Enumerable.Range(0, logits.Length)
                .OrderByDescending(i => logits[i]).Take(5)];
            Assert.That(values.Chosen, Is.EqualTo(Math.Log(Math.Exp(logits[token]) / sum))
                .Within(1e-4));
            Assert.That(values.Top.Select(t => t.TokenId), Is.EqualTo(best));
            Assert.That(values.Top.Select(t => t.LogProbability), Is.EqualTo(
                best.Select(i => (float)Math.Log(Math.Exp(logits[i]) / sum))).Within(1e-4f));
        }
    }

    [Test]
    public async Task Without_being_asked_for_there_are_none()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");
        await foreach (var update in session.GenerateAsync(TinyModel.Greedy(3)))
        {
            Assert.That(update.LogProbabilities, Is.Null);
        }
    }

    [TestCase(-1)]
    [TestCase(GenerationOptions.MaxTopLogProbabilities + 1)]
    public void An_impossible_number_is_refused(int count) => Assert.That(
        () => new GenerationOptions { TopLogProbabilities = count }.Validate(),
        Throws.InstanceOf<MetalMoeException>().With.Message.Contain("log-probabilities"));
}
