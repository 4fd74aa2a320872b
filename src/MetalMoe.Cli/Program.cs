using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using MetalMoe.Cli;
using MetalMoe.Cli.Bench;
using MetalMoe.Cli.Commands;
using MetalMoe.Cli.Compare;
using MetalMoe.Cli.Kernels;
using MetalMoe.Cli.Output;
using MetalMoe.Core;

const int Ok = 0, RuntimeError = 1, UsageError = 2, Interrupted = 130;

var root = new RootCommand("Mixture-of-experts inference from GGUF files.")
{
    RunCommand.Create(),
    ChatCommand.Create(),
    ServeCommand.Create(),
    InspectCommand.Create(),
    TokenizeCommand.Create(),
    PerplexityCommand.Create(),
    LogitsCommand.Create(),
    SynthCommand.Create(),
    DevicesCommand.Create(),
    BenchCommand.Create(),
    CompareCommand.Create(),
    KernelsCommand.Create(),
};
root.HelpName = "metalmoe";
foreach (var help in root.Options.OfType<HelpOption>())
{
    help.Action = new ExampleHelp((HelpAction)help.Action!);
}

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    string command = PathOf(parsed.CommandResult);
    string problem = parsed.UnmatchedTokens.Count > 0
        ? $"'{parsed.UnmatchedTokens[0]}' is no command or option." : parsed.Errors[0].Message;
    return Fail(UsageError, $"{problem} (see {command} --help)");
}
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null,
    }).ConfigureAwait(false);
}
catch (UsageException error)
{
    return Fail(UsageError, error.Message);
}
catch (MetalMoeException error)
{
    return Fail(RuntimeError, error.Message);
}
catch (OperationCanceledException)
{
    return Fail(Interrupted, "interrupted");
}
catch (ClosedOutputException)
{
    // The reader of the pipe has seen enough (metalmoe ... | head): not an error.
    return Ok;
}
catch (OutOfMemoryException)
{
    return Fail(RuntimeError, "[memory] not enough for this model; use a smaller --context");
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException)
{
    return Fail(RuntimeError, error.Message);
}

static string PathOf(CommandResult result) => result.Parent is CommandResult parent
    ? $"{PathOf(parent)} {result.Command.Name}" : "metalmoe";

static int Fail(int exitCode, string message)
{
    Console.Error.WriteLine($"metalmoe: {message.ReplaceLineEndings(" ")}");
    return exitCode;
}
