using System.Globalization;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// A grammar or schema that cannot be compiled, or a token that its grammar forbids. The message
/// is one line that says where: line and column of a grammar text, or the JSON pointer of a
/// schema.
/// </summary>
public sealed class GrammarException : MetalMoeException
{
    /// <summary>An error that has no place in a text.</summary>
    public GrammarException(string problem)
        : base($"[grammar] {problem}")
    {
    }

    private GrammarException(string message, int line, int column, string? pointer)
        : base(message)
    {
        Line = line;
        Column = column;
        Pointer = pointer;
    }

    /// <summary>Line of the problem in a grammar text, from 1; 0 where there is none.</summary>
    public int Line { get; }

    /// <summary>Column in UTF-16 units, from 1; 0 where there is none.</summary>
    public int Column { get; }

    /// <summary>JSON pointer of the schema that was refused, such as <c>#/properties/a</c>.
    /// </summary>
    public string? Pointer { get; }

    internal static GrammarException At(int line, int column, string problem) => new(
        string.Create(CultureInfo.InvariantCulture,
            $"[grammar] {problem} (line {line}, column {column})"),
        line, column, null);

    internal static GrammarException InSchema(string pointer, string problem) =>
        new($"[json-schema] {problem} ({pointer})", 0, 0, pointer);
}
