using System.Buffers;
using System.Text;

namespace MetalMoe.Core.Text;

/// <summary>The names of a vocabulary's control tokens, and where a text contains them.</summary>
internal sealed class ControlTokenNames
{
    // A single character of a name is in every text; two of them at an edge are rare.
    private const int ShortestEdge = 2;

    private readonly SearchValues<string> _names;
    private readonly string[] _all;
    private readonly HashSet<string> _beginnings = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ends = new(StringComparer.Ordinal);
    private readonly int _longestEdge;

    public ControlTokenNames(Vocabulary vocabulary)
    {
        _all = [.. Enumerable.Range(0, vocabulary.Count)
            .Where(id => vocabulary.KindOf(id) is TokenKind.Control or TokenKind.Unknown)
            .Select(id => Encoding.UTF8.GetString(vocabulary.Literal(id)))
            .Where(name => name.Length >= ShortestEdge)
            .OrderByDescending(name => name.Length)];
        _names = SearchValues.Create(_all, StringComparison.Ordinal);
        foreach (string name in _all)
        {
            for (int n = ShortestEdge; n < name.Length; n++)
            {
                _beginnings.Add(name[..n]);
                _ends.Add(name[^n..]);
                _longestEdge = Math.Max(_longestEdge, n);
            }
        }
    }

    /// <summary>
    /// Puts a mark into every name, so that it is none any more, and into the half of a name that
    /// the text begins or ends with, which a neighbour could complete. Without them the text
    /// comes back as it is.
    /// </summary>
    public string Break(string text, char mark)
    {
        if (text.Length < ShortestEdge || !Occurs(text))
        {
            return text;
        }
        var cuts = new SortedSet<int>();
        foreach (string name in _all)
        {
            int at = text.IndexOf(name, StringComparison.Ordinal);
            while (at >= 0)
            {
                cuts.Add(at + 1);
                at = text.IndexOf(name, at + 1, StringComparison.Ordinal);
            }
        }
        // Every edge that fits is cut: a shorter one may be what the neighbour completes.
        for (int n = ShortestEdge; n <= Math.Min(_longestEdge, text.Length); n++)
        {
            if (_ends.Contains(text[..n]))
            {
                cuts.Add(n - 1);
            }
            if (_beginnings.Contains(text[^n..]))
            {
                cuts.Add(text.Length - n + 1);
            }
        }
        var marked = new StringBuilder(text.Length + cuts.Count);
        int start = 0;
        foreach (int cut in cuts)
        {
            marked.Append(text, start, cut - start).Append(mark);
            start = cut;
        }
        return marked.Append(text, start, text.Length - start).ToString();
    }

    /// <summary>True when <see cref="Break"/> would change the text.</summary>
    public bool Occurs(string text)
    {
        if (text.AsSpan().ContainsAny(_names))
        {
            return true;
        }
        for (int n = ShortestEdge; n <= Math.Min(_longestEdge, text.Length); n++)
        {
            if (_ends.Contains(text[..n]) || _beginnings.Contains(text[^n..]))
            {
                return true;
            }
        }
        return false;
    }
}
