namespace MetalMoe.Core.Gguf;

/// <summary>A file that is not a valid GGUF file, or lacks or mistypes a key.</summary>
public sealed class GgufException : MetalMoeException
{
    /// <summary>Creates the error; the message is composed of its parts.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="subject">Key, tensor or header field.</param>
    /// <param name="offset">Byte offset in the file, or -1 when no place is meant.</param>
    /// <param name="expected">What a valid file has.</param>
    /// <param name="found">What this file has.</param>
    public GgufException(string file, string subject, long offset, string expected, string found)
        : base($"[gguf] {Printable(subject)}: expected {expected}, got {Printable(found)} ({file}"
            + (offset < 0 ? ")" : $", offset {offset})"))
    {
        File = file;
        KeyOrTensor = subject;
        Offset = offset;
        Expected = expected;
        Found = found;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }

    /// <summary>Key, tensor or header field.</summary>
    public string KeyOrTensor { get; }

    /// <summary>Byte offset in the file, or -1.</summary>
    public long Offset { get; }

    /// <summary>What a valid file has.</summary>
    public string Expected { get; }

    /// <summary>What this file has.</summary>
    public string Found { get; }

    /// <summary>Names in a hostile file may hold anything; the message stays one short line.
    /// </summary>
    private static string Printable(string text)
    {
        const int Longest = 120;
        string shown = text.Length > Longest ? text[..Longest] + "..." : text;
        return string.Create(shown.Length, shown, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) ? '?' : source[i];
            }
        });
    }
}
