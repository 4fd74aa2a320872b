using System.CommandLine;
using MetalMoe.Cli.Output;

namespace MetalMoe.Cli;

/// <summary>The options of every command that runs a model.</summary>
internal sealed class ModelArguments
{
    public Option<string> Model { get; } = new("--model", "-m")
    {
        Description = "The GGUF file (any part of a split one)",
        HelpName = "FILE",
        Required = true,
    };

    public Option<string> Device { get; } = new("--device")
    {
        Description = "Where to run: see metalmoe devices",
        HelpName = "NAME",
        DefaultValueFactory = _ => DeviceCatalog.Default,
    };

    public Option<int> Threads { get; } = new("--threads", "-t")
    {
        Description = "Threads of the CPU device, 0 for all processors",
        HelpName = "N",
    };

    public Option<int> Context { get; } = new("--context", "-c")
    {
        Description = "Tokens the session can hold, 0 for the model's, at most "
            + MoeModelOptions.DefaultContextLength,
        HelpName = "N",
    };

    public void AddTo(Command command, bool withContext = true)
    {
        command.Add(Model);
        command.Add(Device);
        command.Add(Threads);
        if (withContext)
        {
            command.Add(Context);
        }
    }

    /// <summary>Loads the model with a bar on a terminal.</summary>
    public async Task<MoeModel> LoadAsync(
        ParseResult parsed, Func<MoeModelOptions, MoeModelOptions>? adjust,
        CancellationToken cancellationToken)
    {
        var options = new MoeModelOptions
        {
            Device = parsed.GetRequiredValue(Device),
            Threads = parsed.GetValue(Threads),
            ContextLength = parsed.GetValue(Context),
        };
        options = adjust?.Invoke(options) ?? options;
        using var bar = new ProgressLine("loading");
        return await MoeModel.LoadAsync(
            parsed.GetRequiredValue(Model), options,
            new LoadReporter(bar), cancellationToken).ConfigureAwait(false);
    }

    private sealed class LoadReporter(ProgressLine bar) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => bar.Report(value.Fraction);
    }
}
