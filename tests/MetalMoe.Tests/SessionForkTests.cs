using MetalMoe.Core;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class SessionForkTests
{
    [Test]
    public async Task A_fork_answers_as_its_source_and_the_two_are_independent()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 3);
        await using var source = model.CreateSession();
        source.Append(TinyModel.LongPrompt);
        await source.IdsAsync(TinyModel.Greedy(8));
        int[] tokens = source.GetTokens();

        await using var fork = await source.ForkAsync();
        await using var other = await source.ForkAsync();
        other.Append(" The king");
        Task<int[]>[] answers =
        [
            source.IdsAsync(TinyModel.Greedy(12)), fork.IdsAsync(TinyModel.Greedy(12)),
            other.IdsAsync(TinyModel.Greedy(12)),
        ];
        int[][] found = await Task.WhenAll(answers);
        source.Reset();
        source.Append(tokens);

        Assert.That(found[1], Is.EqualTo(found[0]));
        Assert.That(await source.IdsAsync(TinyModel.Greedy(12)), Is.EqualTo(found[0]));
        source.SetTokens([.. tokens, .. model.Text.Encode(" The king")]);
        Assert.That(await source.IdsAsync(TinyModel.Greedy(12)), Is.EqualTo(found[2]));
    }

    [Test]
    public async Task A_fork_can_go_back_to_places_of_its_source()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var source = model.CreateSession();
        source.Append(TinyModel.LongPrompt);
        await source.IdsAsync(TinyModel.Greedy(1));
        int start = source.TokenCount;
        int[] expected = await source.IdsAsync(TinyModel.Greedy(9));

        await using var fork = await source.ForkAsync();
        source.Reset();
        int kept = fork.Rewind(start);

        // The request's first token had been sampled and not run.
        Assert.That(kept, Is.EqualTo(start - 1));
        Assert.That(await fork.IdsAsync(TinyModel.Greedy(9)), Is.EqualTo(expected));
    }

    [Test]
    public async Task Forks_of_empty_and_of_waiting_sessions_are_such_too()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 3);
        await using var source = model.CreateSession();
        await using var empty = await source.ForkAsync();
        source.Append("Once upon a time");
        await using var waiting = await source.ForkAsync();

        Assert.That(empty.TokenCount, Is.Zero);
        Assert.That(await waiting.IdsAsync(TinyModel.Greedy(4)),
            Is.EqualTo(await source.IdsAsync(TinyModel.Greedy(4))));
        Assert.That(source.ForkAsync, Throws.InvalidOperationException);
        Assert.That(() => source.Append("x"), Throws.Nothing);
    }

    [Test]
    public async Task Going_back_gives_the_answer_of_a_fresh_session_from_any_place()
    {
        await using var model = await TinyModel.LoadAsync(sessions: 2);
        await using var session = model.CreateSession();
        await using var fresh = model.CreateSession();
        session.Append(TinyModel.LongPrompt);
        for (int i = 0; i < 7; i++)
        {
            await session.IdsAsync(TinyModel.Greedy(3));
            session.Append(" And then");
        }
        int[] tokens = session.GetTokens();
        int cheap = 0;
        for (int count = tokens.Length; count > 0; count -= 9)
        {
            cheap += session.Rewind(count) > 0 ? 1 : 0;
            fresh.SetTokens(tokens.AsSpan(0, count));
            Assert.That(await session.IdsAsync(TinyModel.Greedy(3)),
                Is.EqualTo(await fresh.IdsAsync(TinyModel.Greedy(3))), $"{count} tokens");
        }

        Assert.That(cheap, Is.GreaterThan(2));
        Assert.That(() => session.Rewind(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => session.Rewind(999), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(session.Rewind(0), Is.Zero);
        Assert.That(session.TokenCount, Is.Zero);
    }

    [Test]
    public async Task A_model_loads_from_an_open_file()
    {
        using var handle = File.OpenHandle(TinyModel.Path);
        await using var model = await MoeModel.LoadAsync(
            handle, new MoeModelOptions { Threads = 1, ContextLength = 64 });
        handle.Dispose();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");

        Assert.That(await session.IdsAsync(TinyModel.Greedy(4)), Has.Length.EqualTo(4));
        var closed = File.OpenHandle(TinyModel.Path);
        closed.Dispose();
        Assert.That(() => MoeModel.LoadAsync(closed), Throws.TypeOf<MetalMoeException>());
    }
}
