using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace MetalMoe.Cli;

/// <summary>A command that shows examples at the end of its help.</summary>
internal sealed class ExampleCommand(string name, string description, params string[] examples)
    : Command(name, description)
{
    public IReadOnlyList<string> Examples => examples;
}

/// <summary>The usual help, then the examples.</summary>
internal sealed class ExampleHelp(HelpAction usual) : SynchronousCommandLineAction
{
    private const string Model = "models/tiny-qwen35moe-q4_k_m.gguf";

    private static readonly string[] General =
    [
        "metalmoe run -m MODEL -p \"Once upon a time\"",
        "metalmoe chat -m MODEL",
        "metalmoe inspect -m MODEL",
    ];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        IReadOnlyList<string> examples =
            parseResult.CommandResult.Command is ExampleCommand command
                ? command.Examples : General;
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string example in examples)
        {
            output.WriteLine($"  {example.Replace("MODEL", Model, StringComparison.Ordinal)}");
        }
        return code;
    }
}
