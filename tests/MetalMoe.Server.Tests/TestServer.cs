using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text;
using MetalMoe.Tests;

namespace MetalMoe.Server.Tests;

/// <summary>The bundled model behind a server on a free port, and a client of it.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    public const string ModelName = "tiny";

    private readonly bool _withTools;

    private TestServer(MoeModel model, MetalMoeServer server, bool withTools)
    {
        _withTools = withTools;
        Model = model;
        Server = server;
        Http = new HttpClient { BaseAddress = server.Address };
    }

    public static string Root { get; } = FindRoot();

    public MoeModel Model { get; }

    public MetalMoeServer Server { get; }

    public HttpClient Http { get; }

    /// <summary>Starts one.</summary>
    /// <param name="sessions">Requests answered at the same time.</param>
    /// <param name="context">Tokens each can hold.</param>
    /// <param name="withTools">With a chat template that knows tools.</param>
    /// <param name="adjust">Changes the server's options.</param>
    public static async Task<TestServer> StartAsync(
        int sessions = 2, int context = 1024, bool withTools = false,
        Func<ServerOptions, ServerOptions>? adjust = null)
    {
        var model = await LoadAsync(sessions, context, withTools);
        var options = new ServerOptions { Port = 0, ModelName = ModelName };
        return new TestServer(
            model, await MetalMoeServer.StartAsync(model, adjust?.Invoke(options) ?? options),
            withTools);
    }

    /// <summary>Posts JSON; the answer's body is read to its end.</summary>
    public async Task<TestAnswer> PostAsync(
        string path, string json, CancellationToken cancellationToken = default)
    {
        using var response = await Http.PostAsync(path, Json(json), cancellationToken);
        return await TestAnswer.ReadAsync(response);
    }

    public async Task<TestAnswer> GetAsync(string path)
    {
        using var response = await Http.GetAsync(path);
        return await TestAnswer.ReadAsync(response);
    }

    /// <summary>Asks one question and returns the answer's text.</summary>
    public async Task<string> AskAsync(string question, int maxTokens)
    {
        var answer = await PostAsync("/v1/chat/completions", Question(question, maxTokens));
        return answer.Text("choices", 0, "message", "content");
    }

    /// <summary>What the library alone answers greedily, in a model and session of its own.
    /// </summary>
    public async Task<string> SoloAsync(string question, int maxTokens)
    {
        await using var model = await LoadAsync(1, Model.ContextLength, _withTools);
        await using var session = model.CreateSession();
        session.SetTokens(model.Text.CreateChatPrompt(
            [new ChatMessage("user", question)], new ChatTemplateOptions()).Tokens);
        var text = new StringBuilder();
        await foreach (var update in session.GenerateAsync(
            new() { MaxTokens = maxTokens, Sampling = SamplingOptions.Greedy }))
        {
            text.Append(update.Text);
        }
        return text.ToString();
    }

    /// <summary>A greedy request of one message.</summary>
    public static string Question(string text, int maxTokens, bool stream = false) =>
        $$"""
        {"messages":[{"role":"user","content":{{Quote(text)}}}],"temperature":0,
        "max_tokens":{{maxTokens}},"stream":{{(stream ? "true" : "false")}}}
        """;

    public static string Quote(string text) => JsonSerializer.Serialize(text);

    public static StringContent Json(string json) =>
        new(json, new MediaTypeHeaderValue("application/json"));

    /// <summary>Waits until no request holds a session or waits for one.</summary>
    public async Task BecomeIdleAsync()
    {
        for (int i = 0; i < 600; i++)
        {
            string metrics = (await GetAsync("/metrics")).Body;
            if (metrics.Contains("\nmetalmoe_server_active_requests 0\n", StringComparison.Ordinal)
                && metrics.Contains(
                    "\nmetalmoe_server_waiting_requests 0\n", StringComparison.Ordinal))
            {
                return;
            }
            await Task.Delay(50);
        }
        throw new TimeoutException("requests still hold sessions after 30 s");
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
        await Model.DisposeAsync();
    }

    private static Task<MoeModel> LoadAsync(int sessions, int context, bool withTools) =>
        MoeModel.LoadAsync(
            Path.Combine(Root, "models", "tiny-qwen35moe-q4_k_m.gguf"),
            new MoeModelOptions
            {
                Threads = 2,
                ContextLength = context,
                MaxSessions = sessions,
                ChatTemplate = withTools ? TestTemplates.Tools : null,
            });

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "MetalMoe.sln")))
        {
            folder = folder.Parent;
        }
        return folder.FullName;
    }
}
