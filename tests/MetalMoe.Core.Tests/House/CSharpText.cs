using System.Text;
using System.Text.RegularExpressions;

namespace MetalMoe.Core.Tests.House;

/// <summary>A member of a type and the lines it takes.</summary>
internal sealed record MemberSpan(string Header, int FirstLine, int LineCount);

/// <summary>
/// Just enough C# to measure members: blanks out comments and literals, then follows braces.
/// </summary>
internal static partial class CSharpText
{
    /// <summary>The source with comments, strings and characters replaced by blanks; line breaks
    /// stay where they are.</summary>
    public static string BlankLiterals(string source)
    {
        var code = new StringBuilder(source);
        int i = 0;
        while (i < source.Length)
        {
            int end = source[i] switch
            {
                '/' when At(source, i, "//") => Find(source, "\n", i),
                '/' when At(source, i, "/*") => Find(source, "*/", i + 2) + 2,
                '"' => EndOfString(source, i),
                '\'' => EndOfQuoted(source, i, '\''),
                _ => i,
            };
            if (end == i)
            {
                i++;
                continue;
            }
            for (; i < Math.Min(end, source.Length); i++)
            {
                if (source[i] != '\n')
                {
                    code[i] = ' ';
                }
            }
        }
        return code.ToString();
    }

    /// <summary>Every method, property, constructor and operator of every type.</summary>
    public static IReadOnlyList<MemberSpan> Members(string source)
    {
        string code = BlankLiterals(source);
        var members = new List<MemberSpan>();
        var scopes = new Stack<(bool IsType, int HeaderStart)>();
        int headerStart = 0;
        for (int i = 0; i < code.Length; i++)
        {
            bool inType = scopes.Count == 0 || scopes.Peek().IsType;
            if (code[i] == '{')
            {
                bool isType = inType && TypeHeader().IsMatch(code[headerStart..i]);
                scopes.Push((isType, inType ? headerStart : -1));
            }
            else if (code[i] == '}' && scopes.TryPop(out var scope))
            {
                if (!scope.IsType && scope.HeaderStart >= 0)
                {
                    Add(members, code, scope.HeaderStart, i);
                }
            }
            else if (code[i] == ';' && inType)
            {
                Add(members, code, headerStart, i);
            }
            if (code[i] is '{' or '}' or ';' && (scopes.Count == 0 || scopes.Peek().IsType))
            {
                headerStart = i + 1;
            }
        }
        return members;
    }

    private static void Add(List<MemberSpan> members, string code, int start, int end)
    {
        while (start < end && char.IsWhiteSpace(code[start]))
        {
            start++;
        }
        string text = code[start..end];
        int body = text.IndexOf('{', StringComparison.Ordinal);
        string header = body < 0 ? text : text[..body];
        bool isField = FieldHeader().IsMatch(header);
        if (!isField && text.Length > 0)
        {
            int firstLine = code.AsSpan(0, start).Count('\n') + 1;
            members.Add(new MemberSpan(
                header.Trim(), firstLine, code.AsSpan(start, end - start).Count('\n') + 1));
        }
    }

    private static int EndOfString(string source, int start)
    {
        int quotes = 0;
        while (start + quotes < source.Length && source[start + quotes] == '"')
        {
            quotes++;
        }
        if (quotes >= 3)
        {
            return Find(source, new string('"', quotes), start + quotes) + quotes;
        }
        if (quotes == 2)
        {
            return start + 2;
        }
        bool verbatim = start > 0 && (source[start - 1] == '@'
            || (source[start - 1] == '$' && start > 1 && source[start - 2] == '@'));
        if (!verbatim)
        {
            return EndOfQuoted(source, start, '"');
        }
        int i = start + 1;
        while (i < source.Length && (source[i] != '"' || At(source, i, "\"\"")))
        {
            i += source[i] == '"' ? 2 : 1;
        }
        return i + 1;
    }

    // Quotes inside the holes of an interpolated string end it early; the text between is then
    // read as code and the braces still balance, which is all that matters here.
    private static int EndOfQuoted(string source, int start, char quote)
    {
        int i = start + 1;
        while (i < source.Length && source[i] != quote && source[i] != '\n')
        {
            i += source[i] == '\\' ? 2 : 1;
        }
        return i + 1;
    }

    private static bool At(string source, int i, string what) =>
        string.CompareOrdinal(source, i, what, 0, what.Length) == 0;

    private static int Find(string source, string what, int from)
    {
        int i = from >= source.Length
            ? -1 : source.IndexOf(what, from, StringComparison.Ordinal);
        return i < 0 ? source.Length : i;
    }

    [GeneratedRegex(@"\b(class|struct|interface|enum|record|namespace)\s+(?!where\b)[A-Za-z_]")]
    private static partial Regex TypeHeader();

    // "name = value" and not "name => value"; parameters may have defaults, so no "(" before.
    [GeneratedRegex(@"^[^(=]*=(?!>)|^\s*(global\s+)?using\b|^\s*namespace\b")]
    private static partial Regex FieldHeader();
}
