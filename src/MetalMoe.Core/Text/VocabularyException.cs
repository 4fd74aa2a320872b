namespace MetalMoe.Core.Text;

/// <summary>A vocabulary that cannot be used: missing, contradictory or of an unknown kind.
/// </summary>
public sealed class VocabularyException : MetalMoeException
{
    /// <summary>Creates the error; the message is composed of its parts.</summary>
    /// <param name="key">GGUF key, with an index where one entry is meant.</param>
    /// <param name="expected">What a usable vocabulary has.</param>
    /// <param name="found">What this one has.</param>
    /// <param name="file">Where the vocabulary came from.</param>
    public VocabularyException(string key, string expected, string found, string file)
        : base($"[vocabulary] {key}: expected {expected}, got {Printable(found)} ({file})")
    {
        Key = key;
        File = file;
    }

    /// <summary>GGUF key, with an index where one entry is meant.</summary>
    public string Key { get; }

    /// <summary>Where the vocabulary came from.</summary>
    public string File { get; }

    /// <summary>Tokens of a hostile file may hold anything; the message stays one short line.
    /// </summary>
    private static string Printable(string text)
    {
        const int Longest = 80;
        string shown = text.Length > Longest ? text[..Longest] + "..." : text;
        return string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c));
    }
}
