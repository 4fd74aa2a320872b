using System.Buffers;
using System.Collections;

namespace MetalMoe.Core.Text;

/// <summary>A special token found in a text.</summary>
/// <param name="Id">The token.</param>
/// <param name="Start">First byte it takes, white space it swallows included.</param>
/// <param name="End">Byte behind what it takes.</param>
internal readonly record struct SpecialMatch(int Id, int Start, int End);

/// <summary>
/// Finds control and user-defined tokens written out in a text. Where they overlap, the longest
/// wins, then the lowest id, then the leftmost.
/// </summary>
internal sealed class SpecialTokenMatcher
{
    private readonly Vocabulary _vocabulary;
    private readonly int[]?[] _byFirstByte = new int[256][];
    private readonly SearchValues<byte> _firstBytesAll;
    private readonly SearchValues<byte> _firstBytesUserDefined;
    private readonly HashSet<int> _stripsLeft = [];
    private readonly HashSet<int> _stripsRight = [];

    public SpecialTokenMatcher(Vocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        int[] special = [.. Enumerable.Range(0, vocabulary.Count).Where(id =>
            IsHidden(id) || vocabulary.KindOf(id) == TokenKind.UserDefined)];
        foreach (var group in special.GroupBy(id => vocabulary.Literal(id)[0]))
        {
            _byFirstByte[group.Key] = [.. group];
        }
        _firstBytesAll = FirstBytes(special);
        _firstBytesUserDefined = FirstBytes(special.Where(id => !IsHidden(id)));
        FindStripping(special);
    }

    /// <summary>The matches of a text in order, without overlap.</summary>
    /// <param name="text">Any bytes.</param>
    /// <param name="parseSpecial">Also matches control and unknown tokens.</param>
    /// <param name="matches">Cleared, then filled.</param>
    public void Find(ReadOnlySpan<byte> text, bool parseSpecial, List<SpecialMatch> matches)
    {
        matches.Clear();
        var firstBytes = parseSpecial ? _firstBytesAll : _firstBytesUserDefined;
        bool resolve = false;
        int reach = 0;
        for (int at = 0; at < text.Length; at++)
        {
            int step = text[at..].IndexOfAny(firstBytes);
            if (step < 0)
            {
                break;
            }
            at += step;
            foreach (int id in _byFirstByte[text[at]]!)
            {
                var literal = _vocabulary.Literal(id);
                if ((parseSpecial || !IsHidden(id)) && text[at..].StartsWith(literal))
                {
                    matches.Add(new SpecialMatch(id, at, at + literal.Length));
                    resolve |= at < reach || _stripsLeft.Contains(id)
                        || _stripsRight.Contains(id);
                    reach = Math.Max(reach, at + literal.Length);
                }
            }
        }
        if (resolve)
        {
            Resolve(text, matches);
        }
    }

    private static SearchValues<byte> FirstBytes(
        IEnumerable<int> ids, Vocabulary vocabulary) =>
        SearchValues.Create([.. ids.Select(id => vocabulary.Literal(id)[0]).Distinct()]);

    private SearchValues<byte> FirstBytes(IEnumerable<int> ids) => FirstBytes(ids, _vocabulary);

    /// <summary>A token whose name counts only in text that is trusted.</summary>
    public bool IsHidden(int id) =>
        _vocabulary.KindOf(id) is TokenKind.Control or TokenKind.Unknown;

    /// <summary>Takes the candidates in order of priority. A candidate is never longer than
    /// those taken before it, so its two end bytes tell whether it meets one of them.</summary>
    private void Resolve(ReadOnlySpan<byte> text, List<SpecialMatch> matches)
    {
        matches.Sort(static (a, b) =>
        {
            int byLength = (b.End - b.Start).CompareTo(a.End - a.Start);
            int byId = byLength != 0 ? byLength : a.Id.CompareTo(b.Id);
            return byId != 0 ? byId : a.Start.CompareTo(b.Start);
        });
        var taken = new BitArray(text.Length);
        int kept = 0;
        foreach (var match in matches.ToArray())
        {
            var (id, start, end) = match;
            if (taken[start] || taken[end - 1])
            {
                continue;
            }
            while (_stripsLeft.Contains(id) && start > 0 && !taken[start - 1]
                && IsSpace(text[start - 1]))
            {
                start--;
            }
            while (_stripsRight.Contains(id) && end < text.Length && !taken[end]
                && IsSpace(text[end]))
            {
                end++;
            }
            for (int i = start; i < end; i++)
            {
                taken[i] = true;
            }
            matches[kept++] = new SpecialMatch(id, start, end);
        }
        matches.RemoveRange(kept, matches.Count - kept);
        matches.Sort(static (a, b) => a.Start.CompareTo(b.Start));
    }

    /// <summary>Tokens that swallow white space beside them. Files do not tell; llama.cpp knows
    /// these by the names of models.</summary>
    private void FindStripping(int[] special)
    {
        string pre = _vocabulary.PreTokenizerName;
        string model = _vocabulary.ModelName.ToLowerInvariant();
        if (pre is "jina-v2-de" or "jina-v2-es" or "jina-v2-code")
        {
            AddStripping(_stripsLeft, "<mask>");
        }
        else if (model.Contains("phi-3", StringComparison.Ordinal)
            || model.Contains("phi3", StringComparison.Ordinal))
        {
            _stripsRight.UnionWith(special);
            AddStripping(_stripsRight, "</s>");
            foreach (string name in (ReadOnlySpan<string>)["<unk>", "<s>", "<|endoftext|>"])
            {
                _stripsRight.Remove(_vocabulary.FindText(name) ?? -1);
            }
        }
        else if (model.Contains("modern-bert", StringComparison.Ordinal))
        {
            AddStripping(_stripsLeft, "[MASK]");
        }
    }

    private void AddStripping(HashSet<int> ids, string name)
    {
        if (_vocabulary.FindText(name) is { } id)
        {
            ids.Add(id);
        }
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (>= 0x09 and <= 0x0D);
}
