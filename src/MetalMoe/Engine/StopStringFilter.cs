namespace MetalMoe.Engine;

/// <summary>
/// Lets text through up to the first stop string. Text that may be the beginning of one is held
/// back until the next pieces decide.
/// </summary>
internal sealed class StopStringFilter(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>True after a stop string was found; nothing comes out any more.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Adds a piece and returns what is certain not to be part of a stop string.
    /// </summary>
    public string Append(string piece)
    {
        if (stops.Count == 0 || piece.Length == 0 || IsStopped)
        {
            return IsStopped ? "" : piece;
        }
        string text = _held + piece;
        int end = FirstStop(text);
        if (end >= 0)
        {
            IsStopped = true;
            _held = "";
            return text[..end];
        }
        int kept = LongestBeginning(text);
        _held = text[^kept..];
        return text[..^kept];
    }

    /// <summary>What was held back, when nothing follows.</summary>
    public string Flush()
    {
        string text = _held;
        _held = "";
        return text;
    }

    private int FirstStop(string text)
    {
        int first = -1;
        foreach (string stop in stops)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            first = at >= 0 && (first < 0 || at < first) ? at : first;
        }
        return first;
    }

    /// <summary>Length of the longest end of the text that a stop string begins with.</summary>
    private int LongestBeginning(string text)
    {
        int longest = 0;
        foreach (string stop in stops)
        {
            for (int n = Math.Min(stop.Length - 1, text.Length); n > longest; n--)
            {
                if (text.AsSpan(text.Length - n).SequenceEqual(stop.AsSpan(0, n)))
                {
                    longest = n;
                }
            }
        }
        return longest;
    }
}
