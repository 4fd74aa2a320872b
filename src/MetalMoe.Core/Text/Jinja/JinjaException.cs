namespace MetalMoe.Core.Text.Jinja;

/// <summary>Why a template failed.</summary>
public enum JinjaErrorKind
{
    /// <summary>The source is not a well-formed template.</summary>
    Syntax,

    /// <summary>The template did something that its data does not allow.</summary>
    Runtime,

    /// <summary>The template called <c>raise_exception</c>: it refuses this input.</summary>
    Raised,

    /// <summary>A bound of <see cref="JinjaLimits"/> was reached.</summary>
    Limit,
}

/// <summary>
/// A template that cannot be parsed or rendered. The message is one line that names the template,
/// the line and the column.
/// </summary>
public sealed class JinjaException : MetalMoeException
{
    internal JinjaException(
        JinjaErrorKind kind, string template, int line, int column, string problem)
        : base(
            $"[jinja] {template}: {problem.ReplaceLineEndings(" ")} (line {line}, column {column})")
    {
        Kind = kind;
        Template = template;
        Line = line;
        Column = column;
        Problem = problem;
    }

    /// <summary>What went wrong, as a class.</summary>
    public JinjaErrorKind Kind { get; }

    /// <summary>The name that was given to the template.</summary>
    public string Template { get; }

    /// <summary>Line of the failing construct, from 1.</summary>
    public int Line { get; }

    /// <summary>Column of the failing construct, from 1, in UTF-16 units.</summary>
    public int Column { get; }

    /// <summary>The problem alone, as the template worded it when it raised it itself.</summary>
    public string Problem { get; }
}
