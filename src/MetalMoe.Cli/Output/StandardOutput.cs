using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace MetalMoe.Cli.Output;

/// <summary>
/// Standard output as a buffered UTF-8 writer that notices a closed pipe: Console's own stream
/// swallows that, and the program would generate on for nobody.
/// </summary>
internal sealed class StandardOutput : IDisposable
{
    private readonly StreamWriter _writer;

    public StandardOutput()
    {
        _writer = new StreamWriter(OpenPipe() ?? Console.OpenStandardOutput(),
            new UTF8Encoding(false), 1 << 16);
    }

    public void Write(string text) => Guard(text, static (w, t) => w.Write(t));

    public void WriteLine(string text) => Guard(text, static (w, t) => w.Write(t + "\n"));

    /// <summary>A table, in colour only on a terminal.</summary>
    public void WriteTable(Table table)
    {
        using var text = new StringWriter();
        bool isTerminal = !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = 100;
        console.Write(table);
        Write(text.ToString());
    }

    public void Flush() => Guard("", static (w, _) => w.Flush());

    public void Dispose()
    {
        try
        {
            _writer.Dispose();
        }
        catch (IOException)
        {
            // The pipe is closed; whoever wrote has been told.
        }
    }

    // Null for a file, where a stream of our own would write at a position of its own, and where
    // nobody can stop reading.
    private static FileStream? OpenPipe()
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }
        var stream = new FileStream(
            new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? null : stream;
    }

    private void Guard(string text, Action<StreamWriter, string> write)
    {
        try
        {
            write(_writer, text);
        }
        catch (IOException error)
        {
            throw new ClosedOutputException(error);
        }
    }
}
