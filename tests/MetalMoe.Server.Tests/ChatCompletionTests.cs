using System.Text.Json;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

[TestFixture]
public sealed class ChatCompletionTests
{
    private const string Path = "/v1/chat/completions";

    private const string WeatherTool = """
        {"type":"function","function":{"name":"get_weather","description":"Weather of a city",
        "parameters":{"type":"object","properties":{"city":{"enum":["Rome","Oslo"]},
        "days":{"type":"integer","minimum":1,"maximum":9}},"required":["city","days"]}}}
        """;

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(withTools: true);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task An_answer_is_what_the_library_alone_gives_and_is_counted()
    {
        string expected = await _server.SoloAsync("Who are you?", 20);
        var answer = await _server.PostAsync(Path, TestServer.Question("Who are you?", 20));

        Assert.That(answer.Status, Is.EqualTo(200));
        Assert.That(answer.Text("object"), Is.EqualTo("chat.completion"));
        Assert.That(answer.Text("model"), Is.EqualTo(TestServer.ModelName));
        Assert.That(answer.Text("choices", 0, "message", "role"), Is.EqualTo("assistant"));
        Assert.That(answer.Text("choices", 0, "message", "content"), Is.EqualTo(expected));
        Assert.That(answer.Text("choices", 0, "finish_reason"), Is.EqualTo("length"));
        int prompt = _server.Model.Text.CreateChatPrompt(
            [new("user", "Who are you?")], new()).Tokens.Length;
        Assert.That(answer.Number("usage", "prompt_tokens"), Is.EqualTo(prompt));
        Assert.That(answer.Number("usage", "completion_tokens"), Is.EqualTo(20));
        Assert.That(answer.Number("usage", "total_tokens"), Is.EqualTo(prompt + 20));
    }

    [Test]
    public async Task A_stream_has_the_same_text_in_pieces_and_its_usage_when_asked()
    {
        string expected = await _server.AskAsync("Tell me a story.", 30);
        string question = TestServer.Question("Tell me a story.", 30, stream: true);
        var plain = await _server.PostAsync(Path, question);
        var counted = await _server.PostAsync(Path, question.Insert(
            1, "\"stream_options\":{\"include_usage\":true},"));

        Assert.That(plain.Streamed("content"), Is.EqualTo(expected));
        Assert.That(counted.Streamed("content"), Is.EqualTo(expected));
        Assert.That(plain.Body, Does.EndWith("data: [DONE]\n\n"));
        Assert.That(plain.Events, Has.Count.GreaterThan(10));
        Assert.That(plain.Events.Select(e => TestAnswer.At(e, "id").GetString()).Distinct(),
            Has.Exactly(1).Items);
        Assert.That(TestAnswer.At(plain.Events[^1], "choices", 0, "finish_reason").GetString(),
            Is.EqualTo("length"));
        Assert.That(plain.Events.Any(e => e.TryGetProperty("usage", out _)), Is.False);
        Assert.That(TestAnswer.At(counted.Events[^1], "usage", "completion_tokens").GetInt32(),
            Is.EqualTo(30));
        Assert.That(TestAnswer.At(counted.Events[^1], "choices").GetArrayLength(), Is.Zero);
    }

    [Test]
    public async Task The_same_seed_gives_the_same_text_and_another_one_another()
    {
        Task<TestAnswer> Ask(long seed) => _server.PostAsync(Path, $$"""
            {"messages":[{"role":"user","content":"Sing!"}],"temperature":1.5,"top_k":0,"top_p":1,
            "max_tokens":24,"seed":{{seed}}}
            """);
        var first = await Ask(-7);
        var again = await Ask(-7);
        var other = await Ask(8);

        Assert.That(again.Text("choices", 0, "message", "content"),
            Is.EqualTo(first.Text("choices", 0, "message", "content")));
        Assert.That(other.Text("choices", 0, "message", "content"),
            Is.Not.EqualTo(first.Text("choices", 0, "message", "content")));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_stop_string_ends_the_answer_and_is_not_part_of_it(bool stream)
    {
        string whole = await _server.AskAsync("Tell me a story.", 30);
        string stop = whole.Substring(whole.Length / 2, 3);
        var answer = await _server.PostAsync(Path, TestServer.Question(
            "Tell me a story.", 30, stream).Insert(
            1, $"\"stop\":[{TestServer.Quote(stop)},\"@@\"],"));

        string expected = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];
        Assert.That(
            stream ? answer.Streamed("content") : answer.Text("choices", 0, "message", "content"),
            Is.EqualTo(expected));
        Assert.That(answer.Body, Does.Contain("\"finish_reason\":\"stop\""));
    }

    [Test]
    public async Task Log_probabilities_come_with_every_token_streamed_or_not()
    {
        string question = TestServer.Question("Tell me a story.", 12).Insert(
            1, "\"logprobs\":true,\"top_logprobs\":3,");
        var whole = await _server.PostAsync(Path, question);
        var stream = await _server.PostAsync(
            Path, question.Replace("\"stream\":false", "\"stream\":true"));

        JsonElement[] tokens =
            [.. whole.At("choices", 0, "logprobs", "content").EnumerateArray()];
        JsonElement[] streamed = [.. stream.Events
            .Select(e => TestAnswer.At(e, "choices", 0, "logprobs"))
            .Where(l => l.ValueKind == JsonValueKind.Object)
            .SelectMany(l => l.GetProperty("content").EnumerateArray())];
        Assert.That(tokens, Has.Length.EqualTo(12));
        Assert.That(streamed.Select(t => t.GetRawText()), Is.EqualTo(
            tokens.Select(t => t.GetRawText())));
        Assert.That(string.Concat(tokens.Select(t => t.GetProperty("token").GetString())),
            Is.EqualTo(whole.Text("choices", 0, "message", "content")));
        foreach (var token in tokens)
        {
            // Greedy: the chosen token is the likeliest one.
            Assert.That(token.GetProperty("top_logprobs").GetArrayLength(), Is.EqualTo(3));
            Assert.That(TestAnswer.At(token, "top_logprobs", 0, "logprob").GetSingle(),
                Is.EqualTo(token.GetProperty("logprob").GetSingle()));
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_schema_is_kept(bool stream)
    {
        const string Schema = """
            {"type":"object","properties":{"name":{"type":"string","maxLength":12},
            "age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],
            "additionalProperties":false}
            """;
        var answer = await _server.PostAsync(Path, TestServer.Question(
            "A person:", 200, stream).Insert(1, "\"response_format\":{\"type\":\"json_schema\","
            + $"\"json_schema\":{{\"name\":\"person\",\"schema\":{Schema}}}}},"));

        string text = stream
            ? answer.Streamed("content") : answer.Text("choices", 0, "message", "content");
        Assert.That(TextGrammar.FromJsonSchema(Schema).Matches(text), Is.True, text);
        Assert.That(answer.Body, Does.Contain("\"finish_reason\":\"stop\""));
    }

    [Test]
    public async Task A_schema_begins_behind_the_thoughts()
    {
        var answer = await _server.PostAsync(Path, TestServer.Question("Yes or no?", 400).Insert(1,
            "\"chat_template_kwargs\":{\"enable_thinking\":true},\"logit_bias\":{"
            + $"\"{Token("</think>")}\":100}},\"response_format\":{{\"type\":\"json_schema\","
            + "\"json_schema\":{\"schema\":{\"enum\":[\"yes\",\"no\"]}}},"));

        Assert.That(answer.Text("choices", 0, "message", "content").Trim(),
            Is.EqualTo("\"yes\"").Or.EqualTo("\"no\""));
    }

    [Test]
    public async Task Thoughts_are_apart_from_the_answer()
    {
        string question = TestServer.Question("Hello", 24).Insert(
            1, "\"reasoning_effort\":\"high\",");
        var whole = await _server.PostAsync(Path, question);
        var stream = await _server.PostAsync(
            Path, question.Replace("\"stream\":false", "\"stream\":true"));

        string thoughts = whole.Text("choices", 0, "message", "reasoning_content");
        Assert.That(thoughts, Is.Not.Empty);
        Assert.That(stream.Streamed("reasoning_content").Trim(), Is.EqualTo(thoughts.Trim()));
        Assert.That(stream.Streamed("content"), Is.EqualTo(
            whole.Text("choices", 0, "message", "content")));
        Assert.That(
            whole.Number("usage", "completion_tokens_details", "reasoning_tokens"),
            Is.InRange(1, 24));
    }

    [TestCase("\"required\"", false)]
    [TestCase("\"required\"", true)]
    [TestCase("""{"type":"function","function":{"name":"get_weather"}}""", false)]
    public async Task A_tool_that_must_be_called_is_called_with_valid_arguments(
        string choice, bool stream)
    {
        var answer = await _server.PostAsync(Path, TestServer.Question("Weather?", 300, stream)
            .Insert(1, $"\"tools\":[{WeatherTool}],\"tool_choice\":{choice},"
                + "\"parallel_tool_calls\":false,"));

        var call = stream
            ? answer.Events.Select(e => TestAnswer.At(e, "choices", 0, "delta"))
                .Single(d => d.TryGetProperty("tool_calls", out _)).GetProperty("tool_calls")[0]
            : answer.At("choices", 0, "message", "tool_calls", 0);
        Assert.That(answer.Body, Does.Contain("\"finish_reason\":\"tool_calls\""));
        Assert.That(TestAnswer.At(call, "function", "name").GetString(),
            Is.EqualTo("get_weather"));
        var arguments = JsonElement.Parse(
            TestAnswer.At(call, "function", "arguments").GetString()!);
        Assert.That(arguments.GetProperty("city").GetString(),
            Is.EqualTo("Rome").Or.EqualTo("Oslo"));
        Assert.That(arguments.GetProperty("days").GetInt32(), Is.InRange(1, 9));
    }

    [Test]
    public async Task The_next_turn_of_a_conversation_runs_only_what_is_new()
    {
        const string Long = "It was a cold winter night, and the wind howled round the little "
            + "house. The children sat by the fire and listened. What did they hear?";
        var first = await _server.PostAsync(Path, TestServer.Question(Long, 8));
        string said = first.Text("choices", 0, "message", "content");
        var second = await _server.PostAsync(Path, $$"""
            {"messages":[{"role":"user","content":{{TestServer.Quote(Long)}}},
            {"role":"assistant","content":{{TestServer.Quote(said)}}},
            {"role":"user","content":"And then?"}],"temperature":0,"max_tokens":8}
            """);
        int prompt = first.Number("usage", "prompt_tokens");

        Assert.That(
            second.Number("usage", "prompt_tokens_details", "cached_tokens"),
            Is.InRange(prompt / 2, second.Number("usage", "prompt_tokens") - 1));
    }

    private int Token(string name) => _server.Model.Text.Tokenizer.Vocabulary.FindText(name)
        ?? _server.Model.Text.Encode(name)[0];
}
