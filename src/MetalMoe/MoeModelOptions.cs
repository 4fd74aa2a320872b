using MetalMoe.Core;
using MetalMoe.Core.Runtime;

namespace MetalMoe;

/// <summary>How a model is loaded. Immutable; checked when the model is.</summary>
public sealed record MoeModelOptions
{
    /// <summary>The context length used when none is asked for, or the trained one if smaller.
    /// </summary>
    public const int DefaultContextLength = 4096;

    /// <summary>Name of the device, see <see cref="DeviceCatalog"/>.</summary>
    public string Device { get; init; } = DeviceCatalog.Default;

    /// <summary>Threads of the CPU device, 0 for all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Positions a session can hold, 0 for a default of at most
    /// <see cref="DefaultContextLength"/>.</summary>
    public int ContextLength { get; init; }

    /// <summary>Sessions that can be open at the same time; each has its own cache.</summary>
    public int MaxSessions { get; init; } = 1;

    /// <summary>Most tokens in one step of prefill.</summary>
    public int MaxBatchTokens { get; init; } = 512;

    /// <summary>Most prompt tokens in a step in which other sessions decode: the smaller, the
    /// steadier their streams while a long prompt comes in, and the longer that prompt takes.
    /// </summary>
    public int PromptChunkTokens { get; init; } = 64;

    /// <summary>Most rows of logits in one step; only evaluation asks for more than one a
    /// session.</summary>
    public int MaxLogitsRows { get; init; } = 64;

    /// <summary>Format of keys and values in the cache.</summary>
    public CacheFormat CacheFormat { get; init; } = CacheFormat.F16;

    /// <summary>
    /// Places in a session that it can go back to without running its tokens again: the starts of
    /// its latest requests. Each holds a copy of the recurrent state (63 MB for 35B-A3B).
    /// </summary>
    public int CheckpointsPerSession { get; init; } = 4;

    /// <summary>Jinja source of a chat template to use in place of the model's own; null for its
    /// own.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        Check(Threads is >= 0 and <= 4096, "threads", Threads);
        Check(CheckpointsPerSession is >= 1 and <= 256, "checkpoints", CheckpointsPerSession);
        Check(ContextLength is >= 0 and <= 1 << 24, "context length", ContextLength);
        Check(MaxSessions is >= 1 and <= 4096, "sessions", MaxSessions);
        Check(MaxBatchTokens is >= 1 and <= 65536, "batch tokens", MaxBatchTokens);
        Check(PromptChunkTokens is >= 1 and <= 65536, "prompt chunk tokens", PromptChunkTokens);
        Check(MaxLogitsRows is >= 1 and <= 65536, "logits rows", MaxLogitsRows);
    }

    internal ExecutorOptions ForExecutor(int trainedContextLength) => new()
    {
        ContextLength = ContextLength > 0
            ? ContextLength : Math.Min(trainedContextLength, DefaultContextLength),
        MaxBatchTokens = MaxBatchTokens,
        MaxLogitsRows = Math.Max(MaxLogitsRows, MaxSessions),
        Slots = MaxSessions,
        CacheFormat = CacheFormat,
    };

    private static void Check(bool holds, string name, int found)
    {
        if (!holds)
        {
            throw new MetalMoeException($"[load] {name}: {found} is not possible");
        }
    }
}
