namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// A parsed Jinja template with the dialect of chat templates: Jinja2 with <c>trim_blocks</c> and
/// <c>lstrip_blocks</c>, loop controls, <c>generation</c> blocks, and <c>raise_exception</c>,
/// <c>strftime_now</c> and <c>tojson</c> as model repositories expect them. The sandbox is by
/// construction: a template reaches the values it is given and nothing else, and can change none
/// of them. Parse once, render from any thread.
/// </summary>
public sealed class JinjaTemplate
{
    /// <summary>Longest template source, in UTF-16 units; real ones have a few thousand.</summary>
    public const int MaxSourceLength = 1 << 20;

    private readonly SourceText _source;
    private readonly Block _body;

    private JinjaTemplate(SourceText source, Block body)
    {
        _source = source;
        _body = body;
    }

    /// <summary>The name used in error messages.</summary>
    public string Name => _source.Name;

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's text.</param>
    /// <param name="name">What error messages call it: a file, or a model's metadata key.</param>
    /// <param name="limits">Only <see cref="JinjaLimits.MaxDepth"/> matters here.</param>
    /// <exception cref="JinjaException">The text is not a template that can be run.</exception>
    public static JinjaTemplate Parse(string source, string name, JinjaLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(name);
        string text = source.Length > MaxSourceLength
            ? ""
            : source.Replace("\r\n", "\n").Replace('\r', '\n');
        var sourceText = new SourceText(name, text.EndsWith('\n') ? text[..^1] : text);
        if (source.Length > MaxSourceLength)
        {
            throw sourceText.Error(JinjaErrorKind.Limit, 0,
                $"limit reached: a template of more than {MaxSourceLength} characters");
        }
        var body = Parser.Run(sourceText, (limits ?? JinjaLimits.Default).MaxDepth);
        return new JinjaTemplate(sourceText, body);
    }

    /// <summary>Renders the template.</summary>
    /// <param name="globals">The variables that the template reads.</param>
    /// <param name="limits">What the rendering may spend.</param>
    /// <param name="clock">What <c>strftime_now</c> reads; the system's clock by default.</param>
    /// <param name="cancellationToken">Ends the rendering early.</param>
    /// <returns>The text.</returns>
    /// <exception cref="JinjaException">
    /// The template failed, refused its input or reached a limit.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public string Render(
        IReadOnlyDictionary<string, JinjaValue> globals,
        JinjaLimits? limits = null,
        TimeProvider? clock = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(globals);
        cancellationToken.ThrowIfCancellationRequested();
        var context = new RenderContext(
            _source,
            limits ?? JinjaLimits.Default,
            clock ?? TimeProvider.System,
            cancellationToken);
        foreach (var value in globals.Values)
        {
            context.Checked(value);
        }
        _body.Execute(context, new Scope(new Scope(null, globals)));
        return context.Output.ToString();
    }
}
