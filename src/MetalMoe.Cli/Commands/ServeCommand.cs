using System.CommandLine;
using MetalMoe.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe serve</c>: the OpenAI-compatible server and its chat page.</summary>
internal static class ServeCommand
{
    private const string KeyVariable = "METALMOE_API_KEY";

    private static readonly ModelArguments Model = new();

    private static readonly Option<string> Host = new("--host")
    {
        Description = "The address to listen on; 0.0.0.0 lets other machines in",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => new ServerOptions().Host,
    };

    private static readonly Option<int> Port = new("--port")
    {
        Description = "The port, 0 for a free one",
        HelpName = "N",
        DefaultValueFactory = _ => new ServerOptions().Port,
    };

    private static readonly Option<string?> ApiKey = new("--api-key")
    {
        Description = $"What clients must send as bearer token; better in {KeyVariable}, "
            + "which other users of the machine cannot see",
        HelpName = "KEY",
    };

    private static readonly Option<string?> Name = new("--name")
    {
        Description = "The model's name in requests; the file's without one",
        HelpName = "NAME",
    };

    private static readonly Option<int> Parallel = new("--parallel")
    {
        Description = "Requests answered at the same time, each with a cache of its own",
        HelpName = "N",
        DefaultValueFactory = _ => 8,
    };

    private static readonly Option<int> Queue = new("--queue")
    {
        Description = "Requests that may wait; more are refused with status 429",
        HelpName = "N",
        DefaultValueFactory = _ => new ServerOptions().QueueLength,
    };

    private static readonly Option<double> Timeout = new("--timeout")
    {
        Description = "Seconds from a request to the end of its answer",
        HelpName = "S",
        DefaultValueFactory = _ => new ServerOptions().RequestTimeout.TotalSeconds,
    };

    private static readonly Option<double> MaxBody = new("--max-body")
    {
        Description = "Largest request in MiB",
        HelpName = "N",
        DefaultValueFactory = _ => new ServerOptions().MaxBodyBytes / (double)(1 << 20),
    };

    private static readonly Option<string[]> Cors = new("--cors")
    {
        Description = "Let web pages of this origin call the server; may be given several times",
        HelpName = "ORIGIN",
    };

    private static readonly Option<Uri?> Otlp = new("--otlp")
    {
        Description = "Send OpenTelemetry's metrics and traces to this collector",
        HelpName = "URL",
    };

    private static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "One line for each request; never what it says",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "serve",
            "Answers over HTTP as OpenAI's interface does, and shows a chat page. Ctrl-C ends it.",
            "metalmoe serve -m MODEL",
            "metalmoe serve -m MODEL --port 9000 --parallel 16",
            "METALMOE_API_KEY=secret metalmoe serve -m MODEL --host 0.0.0.0");
        Model.AddTo(command);
        foreach (var option in (Option[])[
            Host, Port, ApiKey, Name, Parallel, Queue, Timeout, MaxBody, Cors, Otlp, Verbose])
        {
            command.Add(option);
        }
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var options = Read(parsed);
        int sessions = parsed.GetValue(Parallel);
        if (sessions < 1)
        {
            throw new UsageException($"--parallel: expected at least 1, got {sessions}");
        }
        using var interrupt = new Interrupt();
        await using var model = await Model.LoadAsync(
            parsed, o => o with { MaxSessions = sessions }, interrupt.Token)
            .ConfigureAwait(false);
        var level = parsed.GetValue(Verbose) ? LogLevel.Information : LogLevel.Warning;
        await using var server = await MetalMoeServer.StartAsync(
            model, options, logging => Log(logging, level), interrupt.Token)
            .ConfigureAwait(false);
        Console.Error.WriteLine(
            $"metalmoe: listening on {server.Address} ({sessions} at a time); Ctrl-C ends");
        await server.WaitForShutdownAsync(interrupt.Token).ConfigureAwait(false);
        return 0;
    }

    private static ServerOptions Read(ParseResult parsed)
    {
        double seconds = parsed.GetValue(Timeout);
        double mebibytes = parsed.GetValue(MaxBody);
        if (seconds is not (> 0 and <= 1e6))
        {
            throw new UsageException($"--timeout: expected above 0 seconds, got {seconds}");
        }
        if (mebibytes is not (> 0 and <= 1024))
        {
            throw new UsageException($"--max-body: expected up to 1024 MiB, got {mebibytes}");
        }
        string? key = parsed.GetValue(ApiKey) ?? Environment.GetEnvironmentVariable(KeyVariable);
        return Usage.Check(
            new ServerOptions
            {
                Host = parsed.GetRequiredValue(Host),
                Port = parsed.GetValue(Port),
                ApiKey = key,
                ModelName = parsed.GetValue(Name),
                QueueLength = parsed.GetValue(Queue),
                RequestTimeout = TimeSpan.FromSeconds(seconds),
                MaxBodyBytes = (long)(mebibytes * (1 << 20)),
                AllowedOrigins = parsed.GetValue(Cors) ?? [],
                OtlpEndpoint = parsed.GetValue(Otlp),
            },
            options => options.Validate());
    }

    // Standard output stays free for results, as with the other commands.
    private static void Log(ILoggingBuilder logging, LogLevel level)
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        logging.AddFilter("MetalMoe", level);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
        });
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
