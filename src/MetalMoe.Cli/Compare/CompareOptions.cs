using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Compare;

/// <summary>What <c>metalmoe compare</c> measures and how.</summary>
internal sealed record CompareOptions
{
    /// <summary>GGUF file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Folder or file of llama.cpp's library; null for the environment's.</summary>
    public string? LlamaPath { get; init; }

    /// <summary>Lets llama.cpp repack weights.</summary>
    public bool LlamaRepack { get; init; } = true;

    /// <summary>Tokens of the prompt.</summary>
    public int Prefill { get; init; } = 512;

    /// <summary>Tokens decoded after it.</summary>
    public int Decode { get; init; } = 64;

    /// <summary>Timed pairs.</summary>
    public int Pairs { get; init; } = 5;

    /// <summary>Positions to compare the logits at; 0 for none.</summary>
    public int ParityPositions { get; init; } = 64;

    /// <summary>How long each engine runs unmeasured first, at least once.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Device of this engine.</summary>
    public string Device { get; init; } = DeviceCatalog.Default;

    /// <summary>Threads, 0 for all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Positions of the cache, 0 for as many as are needed.</summary>
    public int ContextLength { get; init; }

    /// <summary>Format of keys and values.</summary>
    public CacheFormat CacheFormat { get; init; } = CacheFormat.F16;

    /// <summary>Most tokens in one step of this engine.</summary>
    public int BatchTokens { get; init; } = 512;

    /// <summary>Seed of the token ids.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Folder or repository of the model in MLX format, for mlx_lm.</summary>
    public string? MlxModel { get; init; }

    /// <summary>Prompt of the parity test: part of the timed one.</summary>
    public int ParityPrompt => Math.Min(Prefill, 128);

    /// <summary>Positions that all of it needs.</summary>
    public int NeededContext => Math.Max(Prefill + Decode, ParityPrompt + ParityPositions);
}
