using System.Text.RegularExpressions;

namespace MetalMoe.Core.Tests.House;

/// <summary>The house rules for one file; each broken rule is one line of the result.</summary>
internal static partial class TidyRules
{
    public const int MaxColumns = 100;
    public const int MaxMethodLines = 70;
    public const int MaxFileLines = 500;

    private static readonly string[] UnsafeRooms =
    [
        "src/MetalMoe.Core/Gguf/MappedFile.cs", "src/MetalMoe.Core/Tensors/",
        "src/MetalMoe.Cpu/", "src/MetalMoe.Metal/", "src/MetalMoe.CApi/", "tests/", "bench/",
        // Function pointers into llama.cpp, which is found at run time and may be absent.
        "src/MetalMoe.Cli/Compare/LlamaCpp",
    ];

    // Register tiles: the sums must be locals, so the unrolled loop stays in one method.
    private static readonly string[] UnrolledTiles = ["src/MetalMoe.Cpu/Linear/SingleTile.cs"];

    // Spelt in two halves so that this file obeys its own rules.
    private static readonly string[] LocalPaths =
    [
        "/wo" + "rk/", "/fa" + "rm/", "/tmp" + "/w/", "/ro" + "ot/", "/ho" + "me/",
        "/Us" + "ers/",
    ];

    private static readonly string[] RegistryHosts =
        ["npm" + "js.org", "nug" + "et.org", "py" + "pi.org", "pythonho" + "sted.org"];

    public static IEnumerable<string> Check(string path, string text)
    {
        string extension = Path.GetExtension(path);
        bool isText = extension is ".cs" or ".sh" or ".md" or ".metal" or ".m" or ".h" or ".json"
            or ".csproj" or ".props" or ".js" or ".cmake" or ".rsp" || path.StartsWith(
                ".ci/", StringComparison.Ordinal);
        if (!isText || path.StartsWith("tests/data/", StringComparison.Ordinal))
        {
            return [];
        }
        var broken = CheckWords(path, text);
        if (extension is ".cs" or ".sh" or ".metal" or ".m" or ".h")
        {
            broken = broken.Concat(CheckLines(path, text));
        }
        if (extension == ".md")
        {
            broken = broken.Concat(CheckMarkdown(path, text));
        }
        return extension == ".cs" && !path.EndsWith(".g.cs", StringComparison.Ordinal)
            ? broken.Concat(CheckCSharp(path, text)) : broken;
    }

    private static IEnumerable<string> CheckWords(string path, string text)
    {
        foreach (string word in LocalPaths.Concat(RegistryHosts))
        {
            if (text.Contains(word, StringComparison.Ordinal))
            {
                yield return $"{path}: names {word}";
            }
        }
        if (UnfinishedWork().Match(text) is { Success: true } match)
        {
            yield return $"{path}: leaves a {match.Value}";
        }
    }

    private static IEnumerable<string> CheckLines(string path, string text)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        if (lines.Length > MaxFileLines)
        {
            yield return $"{path}: {lines.Length} lines, allowed are {MaxFileLines}";
        }
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].TrimEnd('\r').EnumerateRunes().Count() > MaxColumns)
            {
                yield return $"{path}:{i + 1}: longer than {MaxColumns} columns";
            }
        }
    }

    private static IEnumerable<string> CheckMarkdown(string path, string text)
    {
        bool fenced = false;
        int titles = 0;
        foreach (string line in text.Split('\n'))
        {
            fenced ^= line.StartsWith("```", StringComparison.Ordinal);
            titles += !fenced && line.StartsWith("# ", StringComparison.Ordinal) ? 1 : 0;
        }
        if (titles != 1)
        {
            yield return $"{path}: {titles} titles, expected one line that starts with '# '";
        }
    }

    private static IEnumerable<string> CheckCSharp(string path, string text)
    {
        string code = CSharpText.BlankLiterals(text);
        if (UnsafeWord().IsMatch(code)
            && !UnsafeRooms.Any(room => path.StartsWith(room, StringComparison.Ordinal)))
        {
            yield return $"{path}: unsafe code is not allowed here";
        }
        if (DllImport().IsMatch(code))
        {
            yield return $"{path}: use LibraryImport, not the attribute that marshals at run time";
        }
        foreach (var member in CSharpText.Members(text))
        {
            bool isLong = member.LineCount > MaxMethodLines && !UnrolledTiles.Contains(path);
            // A plan builder is one long list of operations; cutting it up hides the order.
            bool isPlanBuilder = path.StartsWith("src/MetalMoe.Core/Models/",
                StringComparison.Ordinal) && member.Header.Contains("PlanBuilder",
                StringComparison.Ordinal);
            if (isLong && !isPlanBuilder)
            {
                yield return $"{path}:{member.FirstLine}: a member of {member.LineCount} lines, "
                    + $"allowed are {MaxMethodLines}";
            }
        }
    }

    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|XX" + @"X|HA" + @"CK)\b")]
    private static partial Regex UnfinishedWork();

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeWord();

    [GeneratedRegex(@"\[\s*DllImport\b")]
    private static partial Regex DllImport();
}
