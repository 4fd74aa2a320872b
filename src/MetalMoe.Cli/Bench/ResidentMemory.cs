using System.Diagnostics;
using System.Globalization;

namespace MetalMoe.Cli.Bench;

/// <summary>Memory of this process that is in RAM.</summary>
/// <param name="TotalBytes">All of it.</param>
/// <param name="OwnBytes">What is not pages of mapped files; null where the system does not
/// tell.</param>
internal readonly record struct ResidentMemory(long TotalBytes, long? OwnBytes)
{
    private const string StatusFile = "/proc/self/status";

    /// <summary>The numbers of this moment.</summary>
    public static ResidentMemory Now()
    {
        using var process = Process.GetCurrentProcess();
        return new ResidentMemory(process.WorkingSet64, ReadOwnBytes());
    }

    /// <summary>The larger of both, number by number.</summary>
    public ResidentMemory Max(ResidentMemory other) => new(
        Math.Max(TotalBytes, other.TotalBytes),
        OwnBytes is { } a && other.OwnBytes is { } b ? Math.Max(a, b) : OwnBytes);

    private static long? ReadOwnBytes()
    {
        if (!File.Exists(StatusFile))
        {
            return null;
        }
        foreach (string line in File.ReadLines(StatusFile))
        {
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
            {
                ReadOnlySpan<char> kibibytes = line.AsSpan("RssAnon:".Length).Trim();
                return long.Parse(kibibytes[..kibibytes.IndexOf(' ')],
                    NumberStyles.None, CultureInfo.InvariantCulture) * 1024;
            }
        }
        return null;
    }
}
