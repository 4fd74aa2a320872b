using System.CommandLine;
using System.Text;
using MetalMoe.Cli.Output;
using MetalMoe.Core;
using MetalMoe.Core.Text;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe chat</c>: question and answer until the input ends.</summary>
internal static class ChatCommand
{
    private static readonly ModelArguments Model = new();
    private static readonly SamplingArguments Sampling = new();

    private static readonly Option<string?> System = new("--system")
    {
        Description = "A first message that tells the model how to behave",
        HelpName = "TEXT",
    };

    private static readonly Option<bool> Think = new("--think")
    {
        Description = "Let the model think before it answers",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "chat",
            "Talks with the model. Ctrl-C stops the answer; /reset forgets, /exit or the end of "
            + "the input ends.",
            "metalmoe chat -m MODEL",
            "metalmoe chat -m MODEL --system \"Answer in one sentence.\" --temperature 0.6",
            "echo \"Tell me a story.\" | metalmoe chat -m MODEL");
        Model.AddTo(command);
        command.Add(System);
        command.Add(Think);
        Sampling.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var options = Sampling.Read(parsed);
        MoeModel model;
        using (var interrupt = new Interrupt())
        {
            model = await Model.LoadAsync(parsed, null, interrupt.Token).ConfigureAwait(false);
        }
        await using var disposing = model.ConfigureAwait(false);
        await using var session = model.CreateSession();
        using var output = new StandardOutput();
        using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        bool isInteractive = !Console.IsInputRedirected && !Console.IsOutputRedirected;
        var turns = new List<ChatMessage>();
        Restart(turns, parsed.GetValue(System));
        while (true)
        {
            if (isInteractive)
            {
                output.Write("> ");
                output.Flush();
            }
            string? line = await input.ReadLineAsync().ConfigureAwait(false);
            if (line is null or "/exit")
            {
                return 0;
            }
            if (line == "/reset")
            {
                Restart(turns, parsed.GetValue(System));
                session.Reset();
                continue;
            }
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }
            turns.Add(new ChatMessage("user", line));
            await AnswerAsync(model, session, turns, options, parsed.GetValue(Think), output)
                .ConfigureAwait(false);
        }
    }

    private static void Restart(List<ChatMessage> turns, string? system)
    {
        turns.Clear();
        if (!string.IsNullOrEmpty(system))
        {
            turns.Add(new ChatMessage("system", system));
        }
    }

    /// <summary>Streams one answer and adds it, whole or stopped, to the turns.</summary>
    private static async Task AnswerAsync(
        MoeModel model, Session session, List<ChatMessage> turns, GenerationOptions options,
        bool think, StandardOutput output)
    {
        using var interrupt = new Interrupt();
        var answer = new StringBuilder();
        try
        {
            session.SetTokens(model.Text.EncodeChat(turns, think));
            await foreach (var update in session.GenerateAsync(options, interrupt.Token)
                .ConfigureAwait(false))
            {
                answer.Append(update.Text);
                output.Write(update.Text);
                output.Flush();
                if (update.Statistics is { } statistics && !Console.IsErrorRedirected)
                {
                    output.WriteLine("");
                    output.Flush();
                    Console.Error.WriteLine(RunCommand.Timing(statistics));
                }
            }
            if (Console.IsErrorRedirected)
            {
                output.WriteLine("");
            }
        }
        catch (OperationCanceledException)
        {
            output.WriteLine("");
            Console.Error.WriteLine("[stopped]");
        }
        catch (MetalMoeException error) when (answer.Length == 0)
        {
            // Most often the context is full: the conversation so far stays readable.
            Console.Error.WriteLine($"metalmoe: {error.Message} (/reset forgets the conversation)");
        }
        output.Flush();
        turns.Add(new ChatMessage("assistant", answer.ToString()));
    }
}
