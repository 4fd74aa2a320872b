using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using Microsoft.Extensions.Options;

namespace MetalMoe;

/// <summary>
/// A model for an application's services; can be bound to configuration. Checked when the
/// application starts: <see cref="MetalMoeServiceCollectionExtensions"/>.
/// </summary>
public sealed class MetalMoeOptions
{
    /// <summary>A <c>.gguf</c> file, or any part of a split one.</summary>
    public string ModelPath { get; set; } = "";

    /// <summary>Name of the device, see <see cref="DeviceCatalog"/>.</summary>
    public string Device { get; set; } = DeviceCatalog.Default;

    /// <summary>Threads of the CPU device, 0 for all processors.</summary>
    public int Threads { get; set; }

    /// <summary>Positions a session can hold, 0 for a default.</summary>
    public int ContextLength { get; set; }

    /// <summary>Requests that run at the same time; each has its own cache.</summary>
    public int MaxSessions { get; set; } = 1;

    /// <summary>Most tokens in one step of prefill.</summary>
    public int MaxBatchTokens { get; set; } = 512;

    /// <summary>Format of keys and values in the cache.</summary>
    public CacheFormat CacheFormat { get; set; } = CacheFormat.F16;

    /// <summary>Jinja source of a chat template to use in place of the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>Name of the model in responses; null for its own.</summary>
    public string? ModelId { get; set; }

    /// <summary>Lets the model think before it answers, or keeps it from that.</summary>
    public bool? EnableThinking { get; set; }

    /// <summary>What a request generates where its own options say nothing.</summary>
    public GenerationOptions Defaults { get; set; } = new();

    /// <summary>Writes prompts and answers to the log, at level Trace.</summary>
    public bool LogContent { get; set; }

    /// <summary>Loads the model when the application starts, and lets it say a word so that its
    /// file is in memory. Off, the first request does it.</summary>
    public bool WarmUp { get; set; } = true;

    internal MoeModelOptions ForModel() => new()
    {
        Device = Device,
        Threads = Threads,
        ContextLength = ContextLength,
        MaxSessions = MaxSessions,
        MaxBatchTokens = MaxBatchTokens,
        CacheFormat = CacheFormat,
        ChatTemplate = ChatTemplate,
    };

    internal MetalMoeChatClientOptions ForClient() => new()
    {
        Defaults = Defaults,
        EnableThinking = EnableThinking,
        ModelId = ModelId,
        LogContent = LogContent,
    };
}

/// <summary>Checks <see cref="MetalMoeOptions"/> without loading anything.</summary>
internal sealed class MetalMoeOptionsValidator : IValidateOptions<MetalMoeOptions>
{
    public ValidateOptionsResult Validate(string? name, MetalMoeOptions options)
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(options.ModelPath))
        {
            failures.Add("[options] model path: expected a .gguf file, got none");
        }
        else if (!File.Exists(options.ModelPath))
        {
            failures.Add($"[options] model path: expected a file, got {options.ModelPath}");
        }
        if (options.Device != DeviceCatalog.Default
            && !DeviceCatalog.List().Any(d => d.Name == options.Device && d.IsAvailable))
        {
            failures.Add($"[options] device: expected one that is available, got {options.Device}");
        }
        Collect(() => options.ForModel().Validate());
        Collect(() => options.ForClient().Validate());
        return failures.Count == 0
            ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);

        void Collect(Action validate)
        {
            try
            {
                validate();
            }
            catch (MetalMoeException error)
            {
                failures.Add(error.Message);
            }
        }
    }
}
