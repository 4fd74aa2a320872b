using System.Globalization;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>An end of a range of numbers.</summary>
internal readonly record struct NumberBound(long Value, bool IsExclusive);

/// <summary>JSON numbers within bounds, as grammar.</summary>
internal static class NumberText
{
    /// <summary>Bounds lie within plus and minus this, so every number is exact as a double.
    /// </summary>
    public const long Largest = 999_999_999_999_999;

    /// <summary>Six decimals below this are told apart by a double.</summary>
    public const long LargestFractional = 1_000_000_000;

    private const int MaxDecimals = 6;

    private static readonly GrammarNode _fraction = GrammarNode.All(
        GrammarNode.Text("."), GrammarNode.Times(JsonRules.Digit, 1, MaxDecimals));

    private static readonly GrammarNode _positiveFraction = GrammarNode.All(
        GrammarNode.Text("."), GrammarNode.Times(GrammarNode.Text("0"), 0, MaxDecimals - 1),
        JsonRules.Range('1', '9'));

    private static readonly GrammarNode _zeroFraction = GrammarNode.Optional(
        GrammarNode.All(GrammarNode.Text("."), GrammarNode.Text("0")));

    /// <summary>Integers from min to max, both included.</summary>
    public static GrammarNode Integer(long min, long max)
    {
        var options = new List<GrammarNode>();
        if (max >= 0)
        {
            options.AddRange(Digits(Math.Max(min, 0), max));
        }
        if (min < 0)
        {
            options.AddRange(Digits(Math.Max(1, -max), -min).Select(Negative));
        }
        return GrammarNode.Any([.. options]);
    }

    /// <summary>Numbers in plain notation between two bounds; null if there are none.</summary>
    public static GrammarNode? Decimal(NumberBound min, NumberBound max)
    {
        var options = new List<GrammarNode>();
        if (max.Value >= 0)
        {
            options.AddRange(Magnitudes(
                min.Value < 0 ? new NumberBound(0, false) : min, max));
        }
        if (min.Value < 0)
        {
            var nearest = max.Value >= 0
                ? new NumberBound(0, true) : max with { Value = -max.Value };
            options.AddRange(Magnitudes(nearest, min with { Value = -min.Value })
                .Select(Negative));
        }
        return options.Count == 0 ? null : GrammarNode.Any([.. options]);
    }

    private static GrammarNode Negative(GrammarNode magnitude) =>
        GrammarNode.All(GrammarNode.Text("-"), magnitude);

    private static IEnumerable<GrammarNode> Magnitudes(NumberBound low, NumberBound high)
    {
        if (low.Value > high.Value
            || (low.Value == high.Value && (low.IsExclusive || high.IsExclusive)))
        {
            yield break;
        }
        long first = low.Value;
        if (low.IsExclusive)
        {
            yield return GrammarNode.All(Exact(first), _positiveFraction);
            first++;
        }
        if (first < high.Value)
        {
            yield return GrammarNode.All(
                GrammarNode.Any([.. Digits(first, high.Value - 1)]),
                GrammarNode.Optional(_fraction));
        }
        if (!high.IsExclusive)
        {
            yield return GrammarNode.All(Exact(high.Value), _zeroFraction);
        }
    }

    private static GrammarNode Exact(long value) => GrammarNode.Text(Format(value));

    private static string Format(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Decimal notations of min to max, both not negative.</summary>
    private static IEnumerable<GrammarNode> Digits(long min, long max)
    {
        while (min <= max)
        {
            string first = Format(min);
            long longest = long.Parse(
                new string('9', first.Length), CultureInfo.InvariantCulture);
            string last = Format(Math.Min(max, longest));
            yield return Between(first, last);
            min = longest + 1;
        }
    }

    private static GrammarNode Between(ReadOnlySpan<char> first, ReadOnlySpan<char> last)
    {
        if (first.IsEmpty)
        {
            return GrammarNode.Empty;
        }
        if (first[0] == last[0])
        {
            return GrammarNode.All(
                JsonRules.Range(first[0], first[0]), Between(first[1..], last[1..]));
        }
        string lowest = new('0', first.Length - 1);
        string highest = new('9', first.Length - 1);
        char from = first[0];
        char to = last[0];
        var options = new List<GrammarNode>();
        if (!first[1..].SequenceEqual(lowest))
        {
            options.Add(GrammarNode.All(
                JsonRules.Range(from, from), Between(first[1..], highest)));
            from++;
        }
        if (!last[1..].SequenceEqual(highest))
        {
            options.Add(GrammarNode.All(JsonRules.Range(to, to), Between(lowest, last[1..])));
            to--;
        }
        if (from <= to)
        {
            options.Add(GrammarNode.All(JsonRules.Range(from, to),
                GrammarNode.Times(JsonRules.Digit, lowest.Length, lowest.Length)));
        }
        return GrammarNode.Any([.. options]);
    }
}
