using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace MetalMoe.Tests.Chat;

[TestFixture]
public sealed class ChatClientTests
{
    [Test]
    public async Task A_stream_joined_is_the_whole_response()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        ChatMessage[] messages = [ChatFixture.User("Tell me a story about a king.")];
        var options = ChatFixture.Exactly(20);
        var updates = await client.GetStreamingResponseAsync(messages, options).ToListAsync();
        var response = await client.GetResponseAsync(messages, options);

        Assert.That(updates, Has.Count.GreaterThan(5));
        Assert.That(response.Text, Is.Not.Empty.And.EqualTo(string.Concat(updates)));
        Assert.That(updates.Select(u => u.ResponseId).Distinct().Count(), Is.EqualTo(1));
        Assert.That(updates.Select(u => (u.Role, u.ModelId)).Distinct(),
            Is.EqualTo(((ChatRole?, string?)[])[(ChatRole.Assistant, model.Name)]));
        Assert.That(response.Messages, Has.Count.EqualTo(1));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Length));
        Assert.That(response.Usage!.OutputTokenCount, Is.EqualTo(20));
        Assert.That(response.Usage.TotalTokenCount,
            Is.EqualTo(response.Usage.InputTokenCount + 20));
        // The second request found its prompt in the session: only the end had to run.
        Assert.That(updates[^1].Contents.OfType<UsageContent>().Single().Details
            .CachedInputTokenCount, Is.Zero);
        Assert.That(response.Usage.CachedInputTokenCount,
            Is.GreaterThan(response.Usage.InputTokenCount!.Value / 2)
                .And.LessThan(response.Usage.InputTokenCount.Value));
    }

    [Test]
    public async Task A_conversation_goes_on_from_the_cached_turns_as_from_nothing()
    {
        await using var model = await ChatFixture.LoadAsync(sessions: 3);
        using var client = ChatFixture.Client(model);
        var options = ChatFixture.Exactly(12);
        List<ChatMessage> messages =
            [new(ChatRole.System, TinyModel.LongPrompt), ChatFixture.User("Who is there?")];
        for (int turn = 0; turn < 3; turn++)
        {
            var response = await client.GetResponseAsync(messages, options);
            using var fresh = ChatFixture.Client(model);
            var alone = await fresh.GetResponseAsync(messages, options);

            Assert.That(response.Text, Is.EqualTo(alone.Text));
            Assert.That(alone.Usage!.CachedInputTokenCount, Is.Zero);
            Assert.That(response.Usage!.CachedInputTokenCount,
                turn == 0 ? Is.Zero : Is.GreaterThan(50));
            messages.AddRange(response.Messages);
            messages.Add(ChatFixture.User($"And what did number {turn} say?"));
        }
    }

    [Test]
    public async Task Requests_that_share_sessions_answer_as_each_alone()
    {
        await using var model = await ChatFixture.LoadAsync(sessions: 3);
        using var client = ChatFixture.Client(model);
        var options = ChatFixture.Exactly(16);
        ChatMessage[][] conversations = [.. Enumerable.Range(0, 10).Select(i => new[]
        {
            new ChatMessage(ChatRole.System, TinyModel.LongPrompt),
            ChatFixture.User($"What did child number {i} do?"),
        })];
        var alone = new List<string>();
        foreach (var messages in conversations)
        {
            using var fresh = ChatFixture.Client(model);
            alone.Add((await fresh.GetResponseAsync(messages, options)).Text);
        }

        var together = await Task.WhenAll(conversations.Select(async messages =>
            await client.GetResponseAsync(messages, options)));

        Assert.That(together.Select(r => r.Text), Is.EqualTo(alone));
        Assert.That(together.Sum(r => r.Usage!.CachedInputTokenCount), Is.Positive);
    }

    [Test]
    public async Task Cancelled_inside_the_prompt_or_the_answer_the_client_stays_usable()
    {
        await using var model = await ChatFixture.LoadAsync(batchTokens: 8);
        using var client = ChatFixture.Client(model);
        string longText = string.Concat(Enumerable.Repeat(TinyModel.LongPrompt + " ", 12));
        foreach (var (text, steps) in ((string, int)[])[(longText, 5), ("Hi", 60)])
        {
            using var cancel = ChatFixture.CancelAfterSteps(steps);
            Assert.That(
                () => client.GetResponseAsync(
                    [ChatFixture.User(text)], ChatFixture.Exactly(900), cancel.Token),
                Throws.InstanceOf<OperationCanceledException>(), $"after {steps} steps");
        }
        var response = await client.GetResponseAsync(
            [ChatFixture.User("Hi")], ChatFixture.Script("Yes."));
        Assert.That(response.Text, Is.EqualTo("Yes."));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
    }

    [Test]
    public async Task Options_reach_the_sampler()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        async Task<string> Say(Action<ChatOptions> change)
        {
            var options = new ChatOptions { MaxOutputTokens = 16, Temperature = 1, TopK = 50 };
            change(options);
            return (await client.GetResponseAsync([ChatFixture.User("Hi")], options)).Text;
        }

        Assert.That(await Say(o => o.Seed = 7), Is.EqualTo(await Say(o => o.Seed = 7)));
        Assert.That(await Say(o => o.Seed = 7), Is.Not.EqualTo(await Say(o => o.Seed = 8)));
        Assert.That(await Say(o => o.TopK = 1), Is.EqualTo(await Say(o => o.Temperature = 0)));
        Assert.That(await Say(o => o.TopP = 1e-6f), Is.EqualTo(await Say(o => o.TopK = 1)));
        Assert.That(await Say(o => o.AdditionalProperties = new() { ["min_p"] = 1.0 }),
            Is.EqualTo(await Say(o => o.TopK = 1)));
        string whole = await Say(o => o.TopK = 1);
        string stop = whole[3..6];
        Assert.That(await Say(o => (o.TopK, o.StopSequences) = (1, [stop])),
            Is.EqualTo(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]));
        Assert.That(await Say(o => o.RawRepresentationFactory = _ => new GenerationOptions
        {
            Sampling = SamplingOptions.Greedy with { LogitBias = Only(model, "!") },
        }), Is.EqualTo(new string('!', 16)));
        Assert.That(() => Say(o => o.TopP = 2), Throws.TypeOf<MetalMoeException>()
            .With.Message.Contains("top-p"));
        Assert.That(() => Say(o => o.MaxOutputTokens = 0), Throws.TypeOf<MetalMoeException>());
    }

    [Test]
    public async Task Options_without_effect_are_named()
    {
        await using var model = await ChatFixture.LoadAsync();
        var logger = new ListLogger<MetalMoeChatClient>();
        using var client = ChatFixture.Client(model, logger);
        var options = ChatFixture.Script("Yes.", new HostedWebSearchTool());
        options.ConversationId = "1";
        options.ModelId = "other";
        options.AllowBackgroundResponses = true;
        options.RawRepresentationFactory = _ => 3;
        options.AdditionalProperties!["num_gpu"] = 1;

        var response = await client.GetResponseAsync([ChatFixture.User("Hi")], options);

        string[] expected =
        [
            "Tools.web_search", "RawRepresentationFactory", "AdditionalProperties.num_gpu",
            "ConversationId", "ModelId", "AllowBackgroundResponses",
        ];
        Assert.That(response.AdditionalProperties!["ignored_options"], Is.EqualTo(expected));
        var warning = logger.Entries.Single(e => e.Level == LogLevel.Warning);
        Assert.That(warning.Id.Id, Is.EqualTo(104));
        Assert.That(warning.Text, Does.Contain("num_gpu").And.Contain("ConversationId"));
    }

    [Test]
    public async Task Log_probabilities_come_with_the_tokens()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        var options = ChatFixture.Exactly(5);
        options.AdditionalProperties = new() { ["top_logprobs"] = 3 };
        var updates = await client.GetStreamingResponseAsync(
            [ChatFixture.User("Hi")], options).ToListAsync();
        TokenLogProbabilities[] found = [.. updates
            .Select(u => u.AdditionalProperties?["logprobs"]).OfType<TokenLogProbabilities>()];

        Assert.That(found, Has.Length.EqualTo(5));
        Assert.That(found, Has.All.Matches<TokenLogProbabilities>(
            p => p.Top.Count == 3 && p.Chosen == p.Top[0].LogProbability && p.Chosen < 0));
    }

    [Test]
    public async Task Services_are_the_client_its_metadata_and_its_model()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);

        Assert.That(client.GetService<ChatClientMetadata>()!.ProviderName, Is.EqualTo("metalmoe"));
        Assert.That(client.GetService<ChatClientMetadata>()!.DefaultModelId,
            Is.EqualTo(model.Name));
        Assert.That(client.GetService<IChatClient>(), Is.SameAs(client));
        Assert.That(client.GetService<MetalMoeChatClient>(), Is.SameAs(client));
        Assert.That(client.GetService<MoeModel>(), Is.SameAs(model));
        Assert.That(client.GetService<MoeModel>("key"), Is.Null);
        Assert.That(client.GetService<string>(), Is.Null);
    }

    [Test]
    public async Task Sessions_are_given_back_and_closed_with_the_client()
    {
        await using var model = await ChatFixture.LoadAsync();
        var client = ChatFixture.Client(model);
        await client.GetResponseAsync([ChatFixture.User("Hi")], ChatFixture.Script("Yes."));
        Assert.That(model.CreateSession, Throws.InvalidOperationException);
        client.Dispose();

        Assert.That(() => client.GetStreamingResponseAsync([ChatFixture.User("Hi")]),
            Throws.TypeOf<ObjectDisposedException>());
        using (var session = model.CreateSession())
        {
            using var second = ChatFixture.Client(model);
            Assert.That(() => second.GetResponseAsync([ChatFixture.User("Hi")]),
                Throws.InvalidOperationException.With.Message.Contains("application"));
        }
        await using var large = await ChatFixture.LoadAsync(sessions: 2);
        using (var modest = new MetalMoeChatClient(large, new() { MaxSessions = 1 }))
        {
            foreach (string text in (string[])["Hi", TinyModel.LongPrompt, "Why?"])
            {
                await modest.GetResponseAsync(
                    [ChatFixture.User(text)], ChatFixture.Exactly(2));
            }
            using var other = large.CreateSession();
            Assert.That(large.CreateSession, Throws.InvalidOperationException);
        }
        using var owner = new MetalMoeChatClient(model, new() { OwnsModel = true });
        owner.Dispose();
        Assert.That(model.CreateSession, Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_token_through_the_client_allocates_less_than_a_kilobyte()
    {
        const int Window = 40;
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        using var wrapper = new PassingClient(client);
        var windows = new List<double>();
        long start = 0;
        int count = 0;
        await foreach (var update in wrapper.GetStreamingResponseAsync(
            [ChatFixture.User("Tell me a story.")], new()
            {
                MaxOutputTokens = 500,
                Temperature = 0.7f,
                RawRepresentationFactory = _ => new GenerationOptions { IgnoreEndTokens = true },
            }))
        {
            if (++count % Window == 0)
            {
                long now = GC.GetTotalAllocatedBytes(precise: true);
                windows.Add((now - start) / (double)Window);
                start = GC.GetTotalAllocatedBytes(precise: true);
            }
        }
        // The first window has no start; the test host and the compiler allocate too, in bursts.
        double least = windows.Skip(1).Min();

        TestContext.Out.WriteLine(
            $"allocated per token through the chat client: {least:f0} bytes, "
            + $"{windows.Count - 1} windows");
        Assert.That(windows, Has.Count.GreaterThan(5));
        Assert.That(least, Is.LessThan(1024));
    }

    private static Dictionary<int, float> Only(MoeModel model, string text)
    {
        int token = model.Text.Encode(text).Single();
        return Enumerable.Range(0, model.VocabularySize).Where(id => id != token)
            .ToDictionary(id => id, _ => float.NegativeInfinity);
    }

    private sealed class PassingClient(IChatClient inner) : DelegatingChatClient(inner);
}
