using MetalMoe.Core.Runtime;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class GenerationTests
{
    [Test]
    public async Task The_last_update_says_why_it_ended_and_counts()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        int prompt = session.Append("Once upon a time");
        var updates = await session.GenerateAsync(TinyModel.Greedy(7)).ToListAsync();

        Assert.That(updates, Has.Count.EqualTo(8));
        Assert.That(updates[..7], Has.All.Matches<GenerationUpdate>(
            u => u.TokenId is not null && u.FinishReason is null));
        var last = updates[^1];
        Assert.That(last.TokenId, Is.Null);
        Assert.That(last.FinishReason, Is.EqualTo(FinishReason.MaxTokens));
        Assert.That(last.Statistics!.PromptTokens, Is.EqualTo(prompt));
        Assert.That(last.Statistics.GeneratedTokens, Is.EqualTo(7));
        Assert.That(last.Statistics.PrefillTokensPerSecond, Is.Positive);
        Assert.That(last.Statistics.DecodeTokensPerSecond, Is.Positive);
        Assert.That(string.Concat(updates.Select(u => u.Text)),
            Is.EqualTo(model.Text.Decode([.. updates[..7].Select(u => u.TokenId!.Value)])));
    }

    [Test]
    public async Task A_stop_token_ends_the_answer_and_is_not_reported()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var whole = model.CreateSession();
        await using var stopped = model.CreateSession();
        whole.Append("Once upon a time");
        stopped.Append("Once upon a time");
        int[] ids = await whole.IdsAsync(TinyModel.Greedy(30));
        int stop = ids[12];

        var updates = await stopped.GenerateAsync(
            TinyModel.Greedy(30) with { StopTokens = [stop] }).ToListAsync();

        Assert.That(updates[^1].FinishReason, Is.EqualTo(FinishReason.EndToken));
        Assert.That(updates.Where(u => u.TokenId is not null).Select(u => u.TokenId!.Value),
            Is.EqualTo(ids[..Array.IndexOf(ids, stop)]));
        Assert.That(stopped.GetTokens()[^1], Is.EqualTo(stop));
    }

    [Test]
    public async Task The_end_of_the_context_ends_the_answer()
    {
        await using var model = await MoeModel.LoadAsync(
            TinyModel.Path, new MoeModelOptions { Threads = 1, ContextLength = 20 });
        await using var session = model.CreateSession();
        int prompt = session.Append("Once upon a time");
        var updates = await session.GenerateAsync(TinyModel.Greedy(500)).ToListAsync();

        Assert.That(updates[^1].FinishReason, Is.EqualTo(FinishReason.ContextFull));
        // Every position is used; the token after the last one is still given.
        Assert.That(updates, Has.Count.EqualTo(20 - prompt + 2));
    }

    [Test]
    public async Task Logits_of_all_rows_agree_with_logits_of_the_last_row()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        int[] tokens = model.Text.Encode(TinyModel.LongPrompt);
        var all = new List<float[]>();
        await session.EvaluateAsync(tokens, LogitsMode.All, (position, logits) =>
        {
            Assert.That(position, Is.EqualTo(all.Count));
            all.Add(logits.ToArray());
        });
        session.Reset();
        float[] last = [];
        await session.EvaluateAsync(
            tokens, LogitsMode.Last, (_, logits) => last = logits.ToArray());

        Assert.That(all, Has.Count.EqualTo(tokens.Length));
        Assert.That(last, Is.EqualTo(all[^1]).Within(1e-4f));
        Assert.That(Sampler.Argmax(last), Is.EqualTo(Sampler.Argmax(all[^1])));
    }

    [Test]
    public async Task A_conversation_is_the_prompt_that_the_model_was_trained_on()
    {
        await using var model = await TinyModel.LoadAsync();
        int[] tokens = model.Text.EncodeChat([new ChatMessage("user", "Tell me a story.")], false);

        Assert.That(model.Text.Decode(tokens), Is.EqualTo(
            "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
            + "<think>\n\n</think>\n\n"));
    }

    [Test]
    public async Task A_token_allocates_less_than_a_kilobyte()
    {
        const int Window = 40;
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");
        var options = TinyModel.Greedy(500) with { Sampling = new SamplingOptions() };
        var windows = new List<double>();
        long start = 0;
        int tokens = 0;
        await foreach (var update in session.GenerateAsync(options))
        {
            if (++tokens % Window != 0)
            {
                continue;
            }
            long now = GC.GetTotalAllocatedBytes(precise: true);
            if (start != 0)
            {
                windows.Add((now - start) / (double)Window);
            }
            start = GC.GetTotalAllocatedBytes(precise: true);
        }
        // The counter is the process's: recompilation and the test host allocate too, in bursts.
        // What a token allocates is in every window.
        double each = windows.Min();

        TestContext.Out.WriteLine(
            $"allocated per generated token: {each:f0} bytes, {windows.Count} windows");
        Assert.That(windows, Has.Count.GreaterThan(5));
        Assert.That(each, Is.LessThan(1024));
    }

    [Test]
    public async Task Disposing_the_model_ends_a_running_answer()
    {
        var model = await TinyModel.LoadAsync();
        var session = model.CreateSession();
        session.Append("Once upon a time");
        var answer = session.GenerateAsync(TinyModel.Greedy(900)).GetAsyncEnumerator();
        Assert.That(await answer.MoveNextAsync());

        await model.DisposeAsync();

        Assert.That(
            async () =>
            {
                while (await answer.MoveNextAsync())
                {
                }
            },
            Throws.TypeOf<ObjectDisposedException>());
        Assert.That(session.Dispose, Throws.Nothing);
        Assert.That(model.CreateSession, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(model.Dispose, Throws.Nothing);
    }

    [Test]
    public async Task Loading_reports_its_stages_and_can_be_cancelled()
    {
        var stages = new List<LoadStage>();
        var progress = new Inline<LoadProgress>(p => stages.Add(p.Stage));
        await using (var model = await MoeModel.LoadAsync(
            TinyModel.Path, new MoeModelOptions { Threads = 1 }, progress))
        {
            Assert.That(stages, Is.EqualTo(Enum.GetValues<LoadStage>()));
        }
        using var cancel = new CancellationTokenSource();
        var canceller = new Inline<LoadProgress>(p => cancel.Cancel());
        Assert.That(
            () => MoeModel.LoadAsync(TinyModel.Path, null, canceller, cancel.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    private sealed class Inline<T>(Action<T> action) : IProgress<T>
    {
        public void Report(T value) => action(value);
    }
}
