using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Bench;

/// <summary>Checked values of the options of <c>bench</c> and <c>compare</c>.</summary>
internal static class Numbers
{
    /// <summary>Longest prompt or continuation that can be asked for.</summary>
    public const int MaxTokens = 1 << 20;

    /// <summary>A number in a range.</summary>
    /// <exception cref="UsageException">It is outside.</exception>
    public static int InRange(string option, int value, int min, int max) =>
        value >= min && value <= max
            ? value
            : throw new UsageException($"{option}: expected {min} to {max}, got {value}");

    /// <summary>Numbers separated by commas, each in a range.</summary>
    /// <exception cref="UsageException">One is no number or outside.</exception>
    public static int[] List(string option, string text, int min, int max)
    {
        string[] parts = text.Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var values = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            values[i] = Usage.TryInt(parts[i], out int value)
                ? InRange(option, value, min, max)
                : throw new UsageException(
                    $"{option}: expected numbers such as 512,2048, got '{parts[i]}'");
        }
        return values;
    }

    /// <summary>A cache format by name.</summary>
    /// <exception cref="UsageException">There is no such format.</exception>
    public static CacheFormat Cache(string text)
    {
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            if (text == Name(format))
            {
                return format;
            }
        }
        string known = string.Join(", ", Enum.GetValues<CacheFormat>().Select(Name));
        throw new UsageException($"--cache: expected one of {known}, got '{text}'");
    }

    /// <summary>Name as on the command line.</summary>
    public static string Name(CacheFormat format) => format.ToString().ToLowerInvariant();
}
