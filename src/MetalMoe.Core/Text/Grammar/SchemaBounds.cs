using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>Reads the bounds of numbers.</summary>
internal static class SchemaBounds
{
    private static readonly string[] _keywords =
        ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];

    public static bool AreIn(JsonElement schema) =>
        Array.Exists(_keywords, k => schema.TryGetProperty(k, out _));

    /// <summary>The bounds; where there is none, the largest number that is supported.</summary>
    public static (NumberBound Min, NumberBound Max) Read(SchemaPlace place, bool isInteger)
    {
        var min = new NumberBound(-NumberText.Largest, false);
        var max = new NumberBound(NumberText.Largest, false);
        foreach (string keyword in _keywords)
        {
            if (!place.Schema.TryGetProperty(keyword, out var value))
            {
                continue;
            }
            bool isExclusive = keyword.StartsWith("exclusive", StringComparison.Ordinal);
            if (keyword.EndsWith("inimum", StringComparison.Ordinal))
            {
                var bound = Read(place, keyword, value, isInteger, isExclusive, isMin: true);
                min = bound.Value > min.Value
                    || (bound.Value == min.Value && isExclusive) ? bound : min;
            }
            else
            {
                var bound = Read(place, keyword, value, isInteger, isExclusive, isMin: false);
                max = bound.Value < max.Value
                    || (bound.Value == max.Value && isExclusive) ? bound : max;
            }
        }
        return (min, max);
    }

    private static NumberBound Read(
        SchemaPlace place, string keyword, JsonElement value, bool isInteger, bool isExclusive,
        bool isMin)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number))
        {
            throw SchemaKeywords.Refuse(place.Pointer, keyword, "must be a number");
        }
        if (Math.Abs(number) > NumberText.Largest)
        {
            // Beyond every number that is written: no bound, or no number at all.
            return number < 0 == isMin
                ? new NumberBound(Math.Sign(number) * NumberText.Largest, false)
                : throw SchemaKeywords.Refuse(place.Pointer, keyword,
                    $"must be from -{NumberText.Largest} to {NumberText.Largest}");
        }
        decimal exact = value.TryGetDecimal(out decimal d) ? d : (decimal)number;
        if (decimal.IsInteger(exact))
        {
            return isInteger || !isExclusive
                || Math.Abs(exact) <= NumberText.LargestFractional
                ? new NumberBound((long)exact, isExclusive)
                : throw SchemaKeywords.Refuse(place.Pointer, keyword,
                    $"must be within {NumberText.LargestFractional} for a number");
        }
        return isInteger
            ? new NumberBound((long)(isMin ? Math.Ceiling(exact) : Math.Floor(exact)), false)
            : throw SchemaKeywords.Refuse(place.Pointer, keyword,
                "is supported for a number only if it is an integer");
    }
}
