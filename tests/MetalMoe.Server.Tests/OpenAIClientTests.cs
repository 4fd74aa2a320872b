using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;
using OpenAI;
using OpenAI.Chat;

namespace MetalMoe.Server.Tests;

/// <summary>The official .NET client against the server.</summary>
[TestFixture]
public sealed class OpenAIClientTests
{
    private const string Key = "the-key";

    private static readonly BinaryData Parameters = BinaryData.FromString("""
        {"type":"object","properties":{"city":{"type":"string","enum":["Rome","Oslo"]}},
        "required":["city"],"additionalProperties":false}
        """);

    private TestServer _server = null!;
    private ChatClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync(
            withTools: true, adjust: o => o with { ApiKey = Key });
        _client = CreateClient(Key);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Chat()
    {
        string expected = await _server.SoloAsync("Who are you?", 16);
        ChatCompletion answer = await _client.CompleteChatAsync(
            [new UserChatMessage("Who are you?")], Greedy(16));

        Assert.That(answer.Content[0].Text, Is.EqualTo(expected));
        Assert.That(answer.FinishReason, Is.EqualTo(ChatFinishReason.Length));
        Assert.That(answer.Usage.OutputTokenCount, Is.EqualTo(16));
        Assert.That(answer.Model, Is.EqualTo(TestServer.ModelName));
    }

    [Test]
    public async Task Streaming()
    {
        string expected = await _server.SoloAsync("Tell me a story.", 24);
        var text = new StringBuilder();
        ChatFinishReason? reason = null;
        int tokens = 0;
        await foreach (var update in _client.CompleteChatStreamingAsync(
            [new UserChatMessage("Tell me a story.")], Greedy(24)))
        {
            foreach (var part in update.ContentUpdate)
            {
                text.Append(part.Text);
            }
            reason = update.FinishReason ?? reason;
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }

        Assert.That(text.ToString(), Is.EqualTo(expected));
        Assert.That((reason, tokens), Is.EqualTo((ChatFinishReason.Length, 24)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_tools_round_trip(bool stream)
    {
        var options = Greedy(200);
        options.Tools.Add(ChatTool.CreateFunctionTool("get_weather", "Weather", Parameters));
        options.ToolChoice = ChatToolChoice.CreateFunctionChoice("get_weather");
        List<OpenAI.Chat.ChatMessage> messages = [new UserChatMessage("Weather in Rome?")];
        ChatToolCall call = stream
            ? await CallFromStreamAsync(messages, options)
            : (await _client.CompleteChatAsync(messages, options)).Value.ToolCalls.Single();

        Assert.That(call.FunctionName, Is.EqualTo("get_weather"));
        var arguments = JsonElement.Parse(call.FunctionArguments.ToString());
        Assert.That(arguments.GetProperty("city").GetString(),
            Is.EqualTo("Rome").Or.EqualTo("Oslo"));

        messages.Add(new AssistantChatMessage([call]));
        messages.Add(new ToolChatMessage(call.Id, "22 degrees, sunny"));
        ChatCompletion answer = await _client.CompleteChatAsync(messages, Greedy(12));
        Assert.That(answer.Content, Is.Not.Empty);
        Assert.That(answer.FinishReason,
            Is.EqualTo(ChatFinishReason.Length).Or.EqualTo(ChatFinishReason.Stop));
    }

    [Test]
    public async Task A_JSON_schema()
    {
        var options = Greedy(200);
        options.ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat(
            "weather", Parameters, jsonSchemaIsStrict: true);
        ChatCompletion answer = await _client.CompleteChatAsync(
            [new UserChatMessage("Where?")], options);

        Assert.That(
            TextGrammar.FromJsonSchema(Parameters.ToString()).Matches(answer.Content[0].Text),
            Is.True, answer.Content[0].Text);
    }

    [Test]
    public async Task Log_probabilities()
    {
        var options = Greedy(5);
        options.IncludeLogProbabilities = true;
        options.TopLogProbabilityCount = 2;
        ChatCompletion answer = await _client.CompleteChatAsync(
            [new UserChatMessage("Hi")], options);

        Assert.That(answer.ContentTokenLogProbabilities, Has.Count.EqualTo(5));
        Assert.That(answer.ContentTokenLogProbabilities[0].TopLogProbabilities,
            Has.Count.EqualTo(2));
    }

    [Test]
    public void Errors_are_the_clients_exceptions()
    {
        var wrong = Assert.ThrowsAsync<ClientResultException>(async () =>
            await _client.CompleteChatAsync([new UserChatMessage("Hi")],
                new ChatCompletionOptions { Temperature = 9 }))!;
        var stranger = Assert.ThrowsAsync<ClientResultException>(async () =>
            await CreateClient("guess").CompleteChatAsync([new UserChatMessage("Hi")]))!;

        Assert.That((wrong.Status, stranger.Status), Is.EqualTo((400, 401)));
        Assert.That(wrong.Message, Does.Contain("temperature"));
    }

    [Test]
    public async Task A_cancelled_stream_frees_its_session()
    {
        int updates = 0;
        using var cancel = new CancellationTokenSource();
        try
        {
            await foreach (var update in _client.CompleteChatStreamingAsync(
                [new UserChatMessage("Go on")], Greedy(1000), cancel.Token))
            {
                if (++updates == 3)
                {
                    await cancel.CancelAsync();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Usual; a short answer may have come whole.
        }

        Assert.That(updates, Is.GreaterThanOrEqualTo(3));
        _server.Http.DefaultRequestHeaders.Authorization = new("Bearer", Key);
        await _server.BecomeIdleAsync();
    }

    [Test]
    public async Task Models()
    {
        var models = new OpenAI.Models.OpenAIModelClient(
            new ApiKeyCredential(Key), ClientOptions());

        Assert.That((await models.GetModelsAsync()).Value.Select(model => model.Id),
            Is.EqualTo([TestServer.ModelName]));
        Assert.That((await models.GetModelAsync(TestServer.ModelName)).Value.OwnedBy,
            Is.EqualTo("metalmoe"));
    }

    private static ChatCompletionOptions Greedy(int maxTokens) =>
        new() { Temperature = 0, MaxOutputTokenCount = maxTokens };

    private async Task<ChatToolCall> CallFromStreamAsync(
        List<OpenAI.Chat.ChatMessage> messages, ChatCompletionOptions options)
    {
        string id = "", name = "";
        var arguments = new StringBuilder();
        await foreach (var update in _client.CompleteChatStreamingAsync(messages, options))
        {
            foreach (var part in update.ToolCallUpdates)
            {
                id = part.ToolCallId ?? id;
                name = part.FunctionName ?? name;
                arguments.Append(part.FunctionArgumentsUpdate);
            }
        }
        return ChatToolCall.CreateFunctionToolCall(
            id, name, BinaryData.FromString(arguments.ToString()));
    }

    private ChatClient CreateClient(string key) =>
        new(TestServer.ModelName, new ApiKeyCredential(key), ClientOptions());

    private OpenAIClientOptions ClientOptions() => new()
    {
        Endpoint = new Uri(_server.Server.Address, "/v1"),
        RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
    };
}
