using System.Text.Json;
using MetalMoe.Chat;
using MetalMoe.Core;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace MetalMoe.Tests.Chat;

[TestFixture]
public sealed class ChatToolTests
{
    private static readonly AIFunction _add = AIFunctionFactory.Create(
        (int a, int b) => a + b,
        "add", "Adds two numbers.");

    private static readonly AIFunction _greet = AIFunctionFactory.Create(
        (string name) => $"Hello, {name}!", "greet", "Greets somebody.");

    // Its arguments are short whatever a model makes of them.
    private static readonly AIFunction _negate = AIFunctionFactory.Create(
        (int a) => -a, "negate", "Changes the sign.");

    private enum Direction
    {
        North,
        South,
    }

    [Test]
    public async Task A_tool_loop_runs_to_the_final_answer()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        using var loop = new ToolLoop(client);
        List<ChatMessage> messages = [ChatFixture.User("What is 3 + 4?")];
        var response = await loop.GetResponseAsync(messages, new()
        {
            MaxOutputTokens = 60,
            Tools = [_add, _greet],
            ToolMode = ChatToolMode.RequireSpecific("add"),
            AllowMultipleToolCalls = false,
        });

        var call = response.Messages[0].Contents.OfType<FunctionCallContent>().Single();
        var result = response.Messages[1].Contents.OfType<FunctionResultContent>().Single();
        Assert.That(call.Name, Is.EqualTo("add"));
        Assert.That(call.Exception, Is.Null);
        Assert.That(result.CallId, Is.EqualTo(call.CallId));
        int sum = ((JsonElement)call.Arguments!["a"]!).GetInt32()
            + ((JsonElement)call.Arguments["b"]!).GetInt32();
        Assert.That(result.Result!.ToString(), Is.EqualTo($"{sum}"));
        Assert.That(loop.FinishReasons[0], Is.EqualTo(ChatFinishReason.ToolCalls));
        Assert.That(loop.FinishReasons[^1], Is.Not.EqualTo(ChatFinishReason.ToolCalls));
        // The second request repeated the first one and the call it got.
        Assert.That(loop.CachedTokens[1], Is.GreaterThan(loop.InputTokens[0] / 2));
    }

    [Test]
    public async Task Parallel_calls_in_both_forms_come_with_thoughts_and_text_apart()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        var response = await client.GetResponseAsync(
            [ChatFixture.User("Hi")],
            ChatFixture.Script(
                "<think>\nTwo things.\n</think>\n\nFirst:\n<tool_call>\n<function=add>\n"
                + "<parameter=a>\n1\n</parameter>\n<parameter=b>\n2\n</parameter>\n</function>\n"
                + "</tool_call>\n<tool_call>\n{\"name\": \"greet\", \"arguments\": "
                + "{\"name\": \"Eva\"}}\n</tool_call>", _add, _greet));
        var contents = response.Messages.Single().Contents;

        Assert.That(contents.Select(c => c.GetType()), Is.EqualTo((Type[])
        [
            typeof(TextReasoningContent), typeof(TextContent), typeof(FunctionCallContent),
            typeof(FunctionCallContent),
        ]));
        Assert.That(((TextReasoningContent)contents[0]).Text, Is.EqualTo("Two things."));
        Assert.That(response.Text, Is.EqualTo("First:"));
        var calls = contents.OfType<FunctionCallContent>().ToArray();
        Assert.That(calls[0].Arguments!.Values.Select(v => ((JsonElement)v!).GetInt32()),
            Is.EqualTo((int[])[1, 2]));
        Assert.That(calls[1].Arguments!["name"]!.ToString(), Is.EqualTo("Eva"));
        Assert.That(calls[0].CallId, Is.Not.EqualTo(calls[1].CallId));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        Assert.That(response.Usage!.ReasoningTokenCount, Is.Positive
            .And.LessThan(response.Usage.OutputTokenCount!.Value));
    }

    [Test]
    public async Task A_malformed_call_is_shown_as_text_and_error()
    {
        await using var model = await ChatFixture.LoadAsync();
        var logger = new ListLogger<MetalMoeChatClient>();
        using var client = ChatFixture.Client(model, logger);
        const string Broken = "<tool_call>\n{\"name\": \"add\", \"arguments\": [}\n</tool_call>";
        var response = await client.GetResponseAsync(
            [ChatFixture.User("Hi")], ChatFixture.Script(Broken, _add));
        var wrongType = await client.GetResponseAsync(
            [ChatFixture.User("Hi")], ChatFixture.Script(
                "<tool_call>\n<function=add>\n<parameter=a>\nmany\n</parameter>\n</function>\n"
                + "</tool_call>", _add));

        Assert.That(response.Text, Is.EqualTo(Broken));
        var error = response.Messages[0].Contents.OfType<ErrorContent>().Single();
        Assert.That(error.ErrorCode, Is.EqualTo("malformed_tool_call"));
        Assert.That(error.Message, Does.Contain("json"));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(logger.Entries.Any(e => e.Id.Id == 105), Is.True);
        var call = wrongType.Messages[0].Contents.OfType<FunctionCallContent>().Single();
        Assert.That(call.Exception, Is.TypeOf<MetalMoeException>()
            .With.Message.Contains("integer"));
        Assert.That(call.Arguments!["a"]!.ToString(), Is.EqualTo("many"));
    }

    [Test]
    public async Task Tool_modes_decide_what_may_be_called()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        async Task<FunctionCallContent[]> Calls(ChatToolMode mode, bool? several = false)
        {
            var response = await client.GetResponseAsync(
                [ChatFixture.User("Call something.")], new()
                {
                    Tools = [_add, _negate],
                    ToolMode = mode,
                    AllowMultipleToolCalls = several,
                    MaxOutputTokens = 150,
                });
            return [.. response.Messages[0].Contents.OfType<FunctionCallContent>()];
        }

        Assert.That((await Calls(ChatToolMode.RequireAny)).Single().Name,
            Is.AnyOf("add", "negate"));
        Assert.That((await Calls(ChatToolMode.RequireSpecific("negate"))).Single().Name,
            Is.EqualTo("negate"));
        Assert.That(await Calls(ChatToolMode.None), Is.Empty);
        Assert.That(() => Calls(ChatToolMode.RequireSpecific("other")),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("other"));
    }

    [Test]
    public async Task One_call_is_all_when_several_are_not_allowed()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        const string Call = "<tool_call>\n{\"name\": \"greet\", \"arguments\": {\"name\": \"A\"}}\n"
            + "</tool_call>";
        var options = ChatFixture.Script($"{Call}\n{Call}\n{Call}", _greet);
        options.AllowMultipleToolCalls = false;
        var response = await client.GetResponseAsync([ChatFixture.User("Hi")], options);

        Assert.That(response.Messages[0].Contents.OfType<FunctionCallContent>().Count(),
            Is.EqualTo(1));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
    }

    [Test]
    public async Task A_schema_rules_the_answer_also_beside_tools()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        var format = ChatResponseFormat.ForJsonSchema(JsonElement.Parse(
            """{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}"""));
        foreach (AITool[] tools in (AITool[][])[[], [_add]])
        {
            var response = await client.GetResponseAsync([ChatFixture.User("How old?")], new()
            {
                ResponseFormat = format,
                Tools = tools,
                AllowMultipleToolCalls = false,
                Temperature = 1,
                Seed = 5,
            });
            bool isCall = response.Messages[0].Contents.Any(c => c is FunctionCallContent);

            Assert.That(isCall || JsonElement.Parse(response.Text).GetProperty("age")
                .TryGetInt64(out _), Is.True);
            Assert.That(isCall && tools.Length == 0, Is.False);
        }
        var any = await client.GetResponseAsync([ChatFixture.User("How old?")], new()
        {
            ResponseFormat = ChatResponseFormat.Json,
            MaxOutputTokens = 400,
        });
        Assert.That(any.Text.TrimStart(), Does.StartWith("{"));
    }

    [Test]
    public async Task A_type_of_the_application_can_be_the_answer()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        for (int seed = 1; seed <= 3; seed++)
        {
            var response = await client.GetResponseAsync([ChatFixture.User("Where?")], new()
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema<Place>(),
                Temperature = 1,
                Seed = seed,
            });
            var place = JsonSerializer.Deserialize<Place>(
                response.Text, AIJsonUtilities.DefaultOptions);

            Assert.That(place, Is.Not.Null, response.Text);
            Assert.That(Enum.IsDefined(place!.Direction), Is.True);
            Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        }
    }

    [Test]
    public async Task Thoughts_can_be_hidden_and_turned_on_and_off()
    {
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        var options = ChatFixture.Script("<think>\nSo.\n</think>\n\nYes.");
        options.Reasoning = new() { Output = ReasoningOutput.None };
        var hidden = await client.GetResponseAsync([ChatFixture.User("Hi")], options);
        var thinking = await client.GetResponseAsync([ChatFixture.User("Hi")], new()
        {
            MaxOutputTokens = 8,
            Reasoning = new() { Effort = ReasoningEffort.High },
        });
        var silent = await client.GetResponseAsync([ChatFixture.User("Hi")], new()
        {
            MaxOutputTokens = 8,
            AdditionalProperties = new() { ["enable_thinking"] = false },
        });

        Assert.That(hidden.Messages[0].Contents, Has.Count.EqualTo(1));
        Assert.That(hidden.Text, Is.EqualTo("Yes."));
        Assert.That(hidden.Usage!.ReasoningTokenCount, Is.Positive);
        Assert.That(thinking.Messages[0].Contents[0], Is.TypeOf<TextReasoningContent>());
        Assert.That(thinking.Usage!.ReasoningTokenCount, Is.Positive);
        Assert.That(silent.Usage!.ReasoningTokenCount, Is.Zero);
    }

    [Test]
    public async Task Messages_make_the_round_trip_through_the_template()
    {
        await using var model = await ChatFixture.LoadAsync();
        ChatMessage[] messages =
        [
            new(new ChatRole("developer"), "Be kind."), ChatFixture.User("Add."),
            new(ChatRole.Assistant,
            [
                new TextReasoningContent("Hm."), new TextContent("I add."),
                new FunctionCallContent("1", "add", new Dictionary<string, object?>
                {
                    ["a"] = 1, ["b"] = JsonElement.Parse("[2.50]"), ["c"] = null, ["d"] = "ü<",
                }),
                new FunctionCallContent("2", "now"), new UsageContent(new()),
            ]),
            new(ChatRole.Tool,
            [
                new FunctionResultContent("1", 3), new FunctionResultContent("2", null)
                {
                    Exception = new InvalidOperationException("no clock"),
                },
            ]),
        ];
        var mapped = ChatMessageMapper.Map(messages, "Answer.");
        string text = model.Text.CreateChatPrompt(mapped, new()).Text;

        Assert.That(text, Is.EqualTo(
            "<|im_start|>system\nAnswer.\n\nBe kind.<|im_end|>\n<|im_start|>user\nAdd.<|im_end|>\n"
            + "<|im_start|>assistant\n<think>\nHm.\n</think>\n\nI add.\n<tool_call>\n"
            + "{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": [2.5], \"c\": null, "
            + "\"d\": \"ü<\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n"
            + "</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n3\n</tool_response>"
            + "<|im_end|>\n<|im_start|>user\n<tool_response>\nError: no clock\n</tool_response>"
            + "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"));
        Assert.That(mapped[4].Name, Is.EqualTo("now"));
        Assert.That(() => ChatMessageMapper.Map(
                [new(ChatRole.User, [new DataContent(new byte[1], "image/png")])], null),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("image/png"));
        Assert.That(() => ChatMessageMapper.Map([new(new ChatRole("king"), "x")], null),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("king"));
        Assert.That(() => ChatMessageMapper.Map([], null), Throws.TypeOf<MetalMoeException>());
    }

    private sealed record Place(long Distance, long? Height, bool IsFar, Direction Direction);

    /// <summary>The least of a function-calling client: asks, calls, and asks again.</summary>
    private sealed class ToolLoop(IChatClient inner) : DelegatingChatClient(inner)
    {
        public List<ChatFinishReason?> FinishReasons { get; } = [];

        public List<long> CachedTokens { get; } = [];

        public List<long> InputTokens { get; } = [];

        public override async Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            List<ChatMessage> all = [.. messages], added = [];
            for (int round = 0; ; round++)
            {
                var response = await base.GetResponseAsync(all, options, cancellationToken);
                FinishReasons.Add(response.FinishReason);
                CachedTokens.Add(response.Usage!.CachedInputTokenCount!.Value);
                InputTokens.Add(response.Usage.InputTokenCount!.Value);
                added.AddRange(response.Messages);
                var calls = response.Messages.SelectMany(m => m.Contents)
                    .OfType<FunctionCallContent>().ToArray();
                if (calls.Length == 0)
                {
                    response.Messages = added;
                    return response;
                }
                Assert.That(round, Is.LessThan(3));
                var results = new List<AIContent>();
                foreach (var call in calls)
                {
                    var tool = options!.Tools!.OfType<AIFunction>()
                        .Single(t => t.Name == call.Name);
                    results.Add(new FunctionResultContent(call.CallId,
                        await tool.InvokeAsync(new(call.Arguments), cancellationToken)));
                }
                added.Add(new ChatMessage(ChatRole.Tool, results));
                all = [.. messages, .. added];
                options = options!.Clone();
                options.ToolMode = ChatToolMode.Auto;
            }
        }
    }
}
