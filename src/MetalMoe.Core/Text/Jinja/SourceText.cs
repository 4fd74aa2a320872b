namespace MetalMoe.Core.Text.Jinja;

/// <summary>A template's name and text, and the way from offsets to lines and columns.</summary>
internal sealed class SourceText(string name, string text)
{
    public string Name { get; } = name;

    public string Text { get; } = text;

    public JinjaException Error(JinjaErrorKind kind, int offset, string problem)
    {
        var before = Text.AsSpan(0, Math.Clamp(offset, 0, Text.Length));
        int line = before.Count('\n') + 1;
        int column = before.Length - before.LastIndexOf('\n');
        return new JinjaException(kind, Name, line, column, problem);
    }

    public JinjaException SyntaxError(int offset, string problem) =>
        Error(JinjaErrorKind.Syntax, offset, problem);
}
