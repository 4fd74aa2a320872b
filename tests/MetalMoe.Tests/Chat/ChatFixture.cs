using System.Diagnostics.Metrics;
using System.Text;
using MetalMoe.Core.Runtime.Sampling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Tests.Chat;

/// <summary>A chat client of the bundled model, and ways to make it say things.</summary>
internal static class ChatFixture
{
    public static Task<MoeModel> LoadAsync(int sessions = 1, int batchTokens = 512) =>
        MoeModel.LoadAsync(TinyModel.Path, new MoeModelOptions
        {
            Threads = 2,
            ContextLength = 1024,
            MaxSessions = sessions,
            MaxBatchTokens = batchTokens,
            ChatTemplate = TestTemplates.Tools,
        });

    public static MetalMoeChatClient Client(
        MoeModel model, ILogger<MetalMoeChatClient>? logger = null) =>
        new(model, new MetalMoeChatClientOptions
        {
            Defaults = new GenerationOptions { Sampling = SamplingOptions.Greedy, MaxTokens = 200 },
            EnableThinking = false,
        }, logger);

    /// <summary>Options under which an answer has exactly so many tokens.</summary>
    public static ChatOptions Exactly(int tokens) => new()
    {
        MaxOutputTokens = tokens,
        RawRepresentationFactory = _ => TinyModel.Greedy(tokens),
    };

    /// <summary>A token that the engine's own thread cancels once it has run so many steps: the
    /// rest of the test may be as slow as it likes.</summary>
    public static CancellationTokenSource CancelAfterSteps(int steps)
    {
        var source = new CancellationTokenSource();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "metalmoe.device.steps")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) =>
        {
            if (Interlocked.Decrement(ref steps) == 0)
            {
                listener.Dispose();
                source.Cancel();
            }
        });
        listener.Start();
        return source;
    }

    public static ChatMessage User(string text) => new(ChatRole.User, text);

    /// <summary>Options under which the model can say nothing but this text.</summary>
    public static ChatOptions Script(string text, params AITool[] tools)
    {
        var literal = new StringBuilder();
        foreach (char c in text)
        {
            literal.Append(c switch
            {
                '\n' => "\\n",
                '"' => "\\\"",
                '\\' => "\\\\",
                _ => c,
            });
        }
        return new ChatOptions
        {
            Tools = [.. tools],
            AdditionalProperties = new() { ["grammar"] = $"root ::= \"{literal}\"" },
        };
    }
}

/// <summary>Keeps what is logged.</summary>
internal sealed class ListLogger<T> : ILogger<T>
{
    private readonly Lock _gate = new();
    private readonly List<(LogLevel Level, EventId Id, string Text)> _entries = [];

    public List<(LogLevel Level, EventId Id, string Text)> Entries
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        lock (_gate)
        {
            _entries.Add((logLevel, eventId, formatter(state, exception) + exception));
        }
    }
}
