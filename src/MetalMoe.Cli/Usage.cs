using System.Globalization;
using MetalMoe.Core;

namespace MetalMoe.Cli;

/// <summary>Reading values of the command line.</summary>
internal static class Usage
{
    /// <summary>Runs a check of the library; what it refuses is the command line's mistake.
    /// </summary>
    public static T Check<T>(T value, Action<T> check)
    {
        try
        {
            check(value);
            return value;
        }
        catch (MetalMoeException error)
        {
            throw new UsageException(error.Message);
        }
    }

    public static bool TryInt(string text, out int value) => int.TryParse(
        text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    public static bool TryFloat(string text, out float value)
    {
        if (text is "-inf" or "-infinity")
        {
            value = float.NegativeInfinity;
            return true;
        }
        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Token ids separated by commas.</summary>
    public static int[] Tokens(string text)
    {
        string[] parts = text.Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var tokens = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!TryInt(parts[i], out tokens[i]))
            {
                throw new UsageException($"--tokens: expected ids such as 1,2,3, got '{parts[i]}'");
            }
        }
        return tokens.Length > 0
            ? tokens : throw new UsageException("--tokens: expected ids such as 1,2,3");
    }
}
