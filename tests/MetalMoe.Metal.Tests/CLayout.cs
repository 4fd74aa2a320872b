using System.Globalization;
using System.Text.RegularExpressions;

namespace MetalMoe.Metal.Tests;

/// <summary>How the C compiler lays out a struct.</summary>
/// <param name="Fields">Names of the fields.</param>
/// <param name="Offsets">Their offsets in bytes.</param>
/// <param name="Size">Bytes of the whole struct.</param>
internal sealed partial record CLayout(string[] Fields, int[] Offsets, int Size)
{
    /// <summary>Asks clang for the layouts of structs of a header; ignores the test without it.
    /// </summary>
    public static Dictionary<string, CLayout> Read(string header, IEnumerable<string> structs)
    {
        string text = ShimHeader.Clang(
            "-x", "c", "-std=c11", "-fsyntax-only", "-Xclang", "-fdump-record-layouts-complete",
            "-I", Path.Combine(ShimHeader.Root(), "shaders"), header);
        var wanted = structs.ToHashSet();
        return Record().Matches(text).Where(m => wanted.Contains(m.Groups[1].Value)).ToDictionary(
            m => m.Groups[1].Value,
            m => new CLayout(
                [.. Field().Matches(m.Groups[2].Value).Select(f => f.Groups[2].Value)],
                [.. Field().Matches(m.Groups[2].Value).Select(f => Number(f.Groups[1].Value))],
                Number(m.Groups[3].Value)));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"0 \| struct (\w+)\n((?:.*\|   .*\n)+)\s+\| \[sizeof=(\d+)")]
    private static partial Regex Record();

    // Fields of the struct itself: three spaces after the bar, more for nested ones.
    [GeneratedRegex(@"(?m)^\s*(\d+) \|   \S.*?(\w+)$")]
    private static partial Regex Field();
}
