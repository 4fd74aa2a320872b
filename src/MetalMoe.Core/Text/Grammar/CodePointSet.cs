namespace MetalMoe.Core.Text.Grammar;

/// <summary>First to last code point, both included.</summary>
internal readonly record struct CodePointRange(int First, int Last)
{
    public CodePointRange(int only)
        : this(only, only)
    {
    }
}

/// <summary>A set of Unicode scalar values: sorted ranges that neither touch nor hold surrogates.
/// </summary>
internal sealed class CodePointSet
{
    public const int MaxCodePoint = 0x10FFFF;
    private const int FirstSurrogate = 0xD800;
    private const int LastSurrogate = 0xDFFF;

    private CodePointSet(CodePointRange[] ranges) => Ranges = ranges;

    public static CodePointSet Any { get; } = Of(new CodePointRange(0, MaxCodePoint));

    public IReadOnlyList<CodePointRange> Ranges { get; }

    public bool IsEmpty => Ranges.Count == 0;

    public static CodePointSet Of(params IEnumerable<CodePointRange> ranges)
    {
        var merged = new List<CodePointRange>();
        foreach (var range in ranges.SelectMany(WithoutSurrogates).OrderBy(r => r.First))
        {
            if (merged.Count > 0 && range.First <= merged[^1].Last + 1)
            {
                var last = merged[^1];
                merged[^1] = last with { Last = Math.Max(last.Last, range.Last) };
            }
            else
            {
                merged.Add(range);
            }
        }
        return new CodePointSet([.. merged]);
    }

    public CodePointSet Complement()
    {
        var gaps = new List<CodePointRange>();
        int next = 0;
        foreach (var range in Ranges)
        {
            gaps.Add(new CodePointRange(next, range.First - 1));
            next = range.Last + 1;
        }
        gaps.Add(new CodePointRange(next, MaxCodePoint));
        return Of(gaps);
    }

    public CodePointSet Union(CodePointSet other) => Of(Ranges.Concat(other.Ranges));

    public CodePointSet Intersect(CodePointSet other) =>
        Complement().Union(other.Complement()).Complement();

    public CodePointSet Except(CodePointSet other) => Intersect(other.Complement());

    public bool Contains(int codePoint) =>
        Ranges.Any(r => r.First <= codePoint && codePoint <= r.Last);

    private static IEnumerable<CodePointRange> WithoutSurrogates(CodePointRange range)
    {
        if (range.First < FirstSurrogate && range.First <= range.Last)
        {
            yield return range with { Last = Math.Min(range.Last, FirstSurrogate - 1) };
        }
        if (range.Last > LastSurrogate && range.First <= range.Last)
        {
            yield return range with { First = Math.Max(range.First, LastSurrogate + 1) };
        }
    }
}
