using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class SessionTests
{
    [Test]
    public async Task An_answer_continues_where_the_last_one_ended()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var whole = model.CreateSession();
        await using var parts = model.CreateSession();
        whole.Append(TinyModel.LongPrompt);
        parts.Append(TinyModel.LongPrompt);

        int[] expected = await whole.IdsAsync(TinyModel.Greedy(24));
        int[] found =
        [
            .. await parts.IdsAsync(TinyModel.Greedy(1)), .. await parts.IdsAsync(
                TinyModel.Greedy(13)), .. await parts.IdsAsync(TinyModel.Greedy(10)),
        ];

        Assert.That(found, Is.EqualTo(expected));
        Assert.That(parts.GetTokens(), Is.EqualTo(whole.GetTokens()));
        Assert.That(parts.TokenCount, Is.EqualTo(
            model.Text.Encode(TinyModel.LongPrompt).Length + 24));
    }

    [Test]
    public async Task Cancelled_inside_the_prompt_the_session_is_as_before_the_call()
    {
        // Steps of 8 tokens: the prompt takes several, and the handler cancels between two.
        await using var model = await TinyModel.LoadAsync(batchTokens: 8);
        await using var session = model.CreateSession();
        session.Append(TinyModel.LongPrompt);
        int[] expected = await session.IdsAsync(TinyModel.Greedy(16));
        session.Reset();
        session.Append("Once");
        await session.IdsAsync(TinyModel.Greedy(3));
        int[] before = session.GetTokens();
        int cancelled = 0;

        for (int delay = 0; delay < 6; delay++)
        {
            using var cancel = new CancellationTokenSource();
            var mode = new CancelAfter(delay * 9, cancel);
            int[] tokens = model.Text.Encode(TinyModel.LongPrompt);
            try
            {
                await session.EvaluateAsync(tokens, LogitsMode.All, mode.OnLogits, cancel.Token);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
                Assert.That(session.GetTokens(), Is.EqualTo((int[])[.. before, .. tokens]));
            }
            session.SetTokens([.. before, .. tokens]);
            int[] continued = await session.IdsAsync(TinyModel.Greedy(4));
            session.SetTokens([.. before, .. tokens]);
            Assert.That(await session.IdsAsync(TinyModel.Greedy(4)), Is.EqualTo(continued));
            session.Reset();
            session.Append(TinyModel.LongPrompt);
            Assert.That(await session.IdsAsync(TinyModel.Greedy(16)), Is.EqualTo(expected));
            session.Reset();
            session.Append(before);
        }
        TestContext.Out.WriteLine($"cancellation: {cancelled} of 6 prompts cancelled inside");
        Assert.That(cancelled, Is.GreaterThanOrEqualTo(3));
    }

    [Test]
    public async Task Cancelled_inside_an_answer_the_given_tokens_stay_and_the_rest_follows()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var whole = model.CreateSession();
        await using var cut = model.CreateSession();
        whole.Append(TinyModel.LongPrompt);
        cut.Append(TinyModel.LongPrompt);
        int[] expected = await whole.IdsAsync(TinyModel.Greedy(40));
        using var cancel = new CancellationTokenSource();
        int seen = 0;

        Assert.That(
            async () =>
            {
                await foreach (var update in cut.GenerateAsync(
                    TinyModel.Greedy(40), cancel.Token))
                {
                    if (++seen == 5)
                    {
                        await cancel.CancelAsync();
                    }
                }
            },
            Throws.InstanceOf<OperationCanceledException>());

        int prompt = model.Text.Encode(TinyModel.LongPrompt).Length;
        int[] given = cut.GetTokens()[prompt..];
        Assert.That(given, Has.Length.InRange(5, 39));
        int[] rest = await cut.IdsAsync(TinyModel.Greedy(40 - given.Length));
        Assert.That((int[])[.. given, .. rest], Is.EqualTo(expected));
    }

    [Test]
    public async Task Leaving_the_loop_ends_the_request()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");
        await foreach (var update in session.GenerateAsync(TinyModel.Greedy(500)))
        {
            break;
        }

        Assert.That(session.TokenCount, Is.LessThan(500));
        Assert.That(await session.IdsAsync(TinyModel.Greedy(2)), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Sessions_that_run_together_answer_as_each_alone()
    {
        string[] prompts = ["Once upon a time", TinyModel.LongPrompt, "The old king", "Alice"];
        await using var model = await TinyModel.LoadAsync(sessions: prompts.Length);
        async Task<int[]> Answer(string prompt)
        {
            await using var session = model.CreateSession();
            session.Append(prompt);
            return await session.IdsAsync(TinyModel.Greedy(30));
        }
        var alone = new List<int[]>();
        foreach (string prompt in prompts)
        {
            alone.Add(await Answer(prompt));
        }

        int[][] together = await Task.WhenAll(prompts.Select(Answer));

        Assert.That(together, Is.EqualTo(alone));
    }

    [Test]
    public async Task Going_back_to_a_shared_beginning_gives_the_answer_of_a_fresh_session()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var session = model.CreateSession();
        await using var fresh = model.CreateSession();
        int[] first = model.Text.Encode("Once upon a time");
        int[] second = [.. first, .. model.Text.Encode(" there was a king who")];
        int[] other = [.. second, .. model.Text.Encode(" had no daughter")];
        session.SetTokens(first);
        await session.IdsAsync(TinyModel.Greedy(6));
        session.SetTokens(second);
        await session.IdsAsync(TinyModel.Greedy(6));

        int kept = session.SetTokens(other);
        int[] found = await session.IdsAsync(TinyModel.Greedy(12));
        fresh.SetTokens(other);

        Assert.That(kept, Is.GreaterThanOrEqualTo(0).And.LessThan(other.Length));
        Assert.That(found, Is.EqualTo(await fresh.IdsAsync(TinyModel.Greedy(12))));
    }

    [Test]
    public async Task Adding_to_the_tokens_keeps_the_state()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append(TinyModel.LongPrompt);
        await session.IdsAsync(TinyModel.Greedy(5));
        int[] tokens = session.GetTokens();

        int kept = session.SetTokens([.. tokens, 1, 2, 3]);

        // The last token given has not run yet.
        Assert.That(kept, Is.EqualTo(tokens.Length - 1));
    }

    [Test]
    public async Task A_second_call_while_one_runs_is_refused()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");
        await foreach (var update in session.GenerateAsync(TinyModel.Greedy(3)))
        {
            Assert.That(() => session.Append("more"),
                Throws.InvalidOperationException.With.Message.Contains("busy"));
            Assert.That(session.Reset, Throws.InvalidOperationException);
            Assert.That(() => session.IdsAsync(TinyModel.Greedy(1)),
                Throws.InvalidOperationException);
        }
        Assert.That(() => session.Append("more"), Throws.Nothing);
    }

    [Test]
    public async Task A_handler_that_throws_fails_its_call_and_leaves_the_session_usable()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();

        Assert.That(
            () => session.EvaluateAsync((int[])[1, 2, 3], LogitsMode.All,
                (_, _) => throw new InvalidDataException("no")),
            Throws.TypeOf<InvalidDataException>());
        Assert.That(session.TokenCount, Is.EqualTo(3));
        session.Append("Once");
        Assert.That(await session.IdsAsync(TinyModel.Greedy(2)), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Wrong_use_is_refused_with_one_line()
    {
        await using var model = await TinyModel.LoadAsync();
        var session = model.CreateSession();

        Assert.That(() => session.IdsAsync(TinyModel.Greedy(1)),
            Throws.InvalidOperationException.With.Message.Contains("append"));
        Assert.That(() => session.Append([4096]), Throws.TypeOf<MetalMoeException>()
            .With.Message.Contains("4096").And.Message.Not.Contains("\n"));
        Assert.That(model.CreateSession, Throws.InvalidOperationException);
        Assert.That(() => session.IdsAsync(TinyModel.Greedy(0)),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("max tokens"));
        session.Append(Enumerable.Repeat(1, 1025).ToArray());
        Assert.That(() => session.IdsAsync(TinyModel.Greedy(1)),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("context"));
        session.Dispose();
        Assert.That(() => session.Append("x"), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(model.CreateSession, Throws.Nothing);
    }

    private sealed class CancelAfter(int rows, CancellationTokenSource source)
    {
        private int _seen;

        public void OnLogits(int position, ReadOnlySpan<float> logits)
        {
            if (_seen++ == rows)
            {
                source.Cancel();
            }
        }
    }
}
