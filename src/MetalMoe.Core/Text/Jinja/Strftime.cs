using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>C's <c>strftime</c> in the C locale; an unknown directive stays as it is.</summary>
internal static class Strftime
{
    public static string Format(DateTimeOffset time, string format)
    {
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }
            // A dash asks for a number without padding, as in %-d.
            bool bare = format[i + 1] == '-' && i + 2 < format.Length;
            i += bare ? 2 : 1;
            string field = Field(time, format[i]) ?? "%" + (bare ? "-" : "") + format[i];
            output.Append(bare && field.Length > 1 && char.IsAsciiDigit(field[0])
                ? field[..^1].TrimStart('0', ' ') + field[^1]
                : field);
        }
        return output.ToString();
    }

    private static string? Field(DateTimeOffset time, char directive)
    {
        string Number(int value, string layout) =>
            value.ToString(layout, CultureInfo.InvariantCulture);
        string Pattern(string pattern) => time.ToString(pattern, CultureInfo.InvariantCulture);
        int hour12 = time.Hour % 12 == 0 ? 12 : time.Hour % 12;
        return directive switch
        {
            'Y' => Number(time.Year, "0"),
            'y' => Number(time.Year % 100, "00"),
            'C' => Number(time.Year / 100, "00"),
            'm' => Number(time.Month, "00"),
            'd' => Number(time.Day, "00"),
            'e' => Number(time.Day, "0").PadLeft(2),
            'H' => Number(time.Hour, "00"),
            'I' => Number(hour12, "00"),
            'M' => Number(time.Minute, "00"),
            'S' => Number(time.Second, "00"),
            'f' => Number((int)(time.Ticks % TimeSpan.TicksPerSecond / 10), "000000"),
            'j' => Number(time.DayOfYear, "000"),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'a' => Pattern("ddd"),
            'A' => Pattern("dddd"),
            'b' or 'h' => Pattern("MMM"),
            'B' => Pattern("MMMM"),
            'w' => Number((int)time.DayOfWeek, "0"),
            'u' => Number(time.DayOfWeek == 0 ? 7 : (int)time.DayOfWeek, "0"),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, "00"),
            'W' => Number((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7, "00"),
            'V' => Number(ISOWeek.GetWeekOfYear(time.DateTime), "00"),
            'G' => Number(ISOWeek.GetYear(time.DateTime), "0"),
            's' => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'D' or 'x' => Pattern("MM'/'dd'/'yy"),
            'F' => Pattern("yyyy'-'MM'-'dd"),
            'T' or 'X' => Pattern("HH':'mm':'ss"),
            'R' => Pattern("HH':'mm"),
            'c' => Pattern("ddd MMM ") + Number(time.Day, "0").PadLeft(2)
                + Pattern(" HH':'mm':'ss yyyy"),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            'z' or 'Z' => "",
            _ => null,
        };
    }
}
