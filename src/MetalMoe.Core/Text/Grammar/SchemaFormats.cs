namespace MetalMoe.Core.Text.Grammar;

/// <summary>Formats of strings as regular expressions.
/// Source: JSON Schema 2020-12 Validation 7.3; RFC 3339 (leap seconds left out); RFC 9562.
/// </summary>
internal static class SchemaFormats
{
    private const string LeapYear =
        "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";

    private const string Date =
        "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
        + "|" + LeapYear + "-02-29)";

    private const string HourMinute = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";

    private const string Time =
        HourMinute + @":[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-]" + HourMinute + ")";

    public const string Names = "date, date-time, time and uuid";

    /// <summary>The regular expression of a format; null if it is not supported.</summary>
    public static string? Find(string format) => format switch
    {
        "date" => $"^{Date}$",
        "time" => $"^{Time}$",
        "date-time" => $"^{Date}T{Time}$",
        "uuid" => "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        _ => null,
    };
}
