namespace MetalMoe.Core.Text.Jinja;

/// <summary>Builds the statements of a template from its tokens.</summary>
internal sealed partial class Parser
{
    private readonly SourceText _source;
    private readonly List<Token> _tokens;
    private readonly int _maxDepth;

    /// <summary>
    /// Filters and tests that do not exist. Like Jinja2, a template that may use one is refused,
    /// except where an <c>if</c> can avoid it: there it fails only when it is reached.
    /// </summary>
    private readonly List<(int Offset, string Problem)> _unknown = [];

    /// <summary>Names read so far; macros look for their special variables here.</summary>
    private HashSet<string> _loads = [];

    private int _position;
    private int _depth;
    private int _loops;
    private bool _isConditional;

    private Parser(SourceText source, int maxDepth)
    {
        _source = source;
        _maxDepth = maxDepth;
        _tokens = Lexer.Run(source);
    }

    public static Block Run(SourceText source, int maxDepth)
    {
        var parser = new Parser(source, maxDepth);
        var body = parser.ParseBody();
        if (parser.Current.Kind != TokenKind.End)
        {
            throw parser.Fail($"unexpected end tag {parser.Next.Describe()}");
        }
        return parser._unknown.Count == 0
            ? body
            : throw source.SyntaxError(parser._unknown[0].Offset, parser._unknown[0].Problem);
    }

    private Token Current => _tokens[_position];

    private Token Next => _tokens[Math.Min(_position + 1, _tokens.Count - 1)];

    private Token Take() =>
        Current.Kind == TokenKind.End
            ? throw Fail("unexpected end of template")
            : _tokens[_position++];

    private JinjaException Fail(string problem) => _source.SyntaxError(Current.Offset, problem);

    private bool SkipName(string name)
    {
        bool found = Current.IsName(name);
        _position += found ? 1 : 0;
        return found;
    }

    private bool SkipOperator(string text)
    {
        bool found = Current.IsOperator(text);
        _position += found ? 1 : 0;
        return found;
    }

    private Token ExpectOperator(string text) => Current.IsOperator(text)
        ? Take()
        : throw Fail($"expected '{text}', got {Current.Describe()}");

    private Token ExpectName() => Current.Kind == TokenKind.Name
        ? Take()
        : throw Fail($"expected a name, got {Current.Describe()}");

    private void ExpectEnd() => Expect(TokenKind.BlockEnd, "end of statement block");

    private void Expect(TokenKind kind, string what)
    {
        if (Current.Kind != kind)
        {
            throw Fail($"expected {what}, got {Current.Describe()}");
        }
        Take();
    }

    private void ReportUnknown(int offset, string problem)
    {
        if (!_isConditional)
        {
            _unknown.Add((offset, problem));
        }
    }

    /// <summary>Parses with unknown filters tolerated, or not, until the block is over.</summary>
    private T Within<T>(bool isConditional, Func<T> parse)
    {
        bool outer = _isConditional;
        _isConditional = isConditional;
        var result = parse();
        _isConditional = outer;
        return result;
    }

    /// <summary>Parses a body that is rendered on its own: no break can leave it.</summary>
    private Block OutsideLoops(Func<Block> parse)
    {
        int outer = _loops;
        _loops = 0;
        var body = Within(false, parse);
        _loops = outer;
        return body;
    }

    /// <summary>
    /// Statements up to one of the end tags; stops before the tag's name, or at the end of the
    /// template when there are no end tags.
    /// </summary>
    private Block ParseBody(params string[] ends)
    {
        Enter();
        int offset = Current.Offset;
        var statements = new List<Statement>();
        while (Current.Kind != TokenKind.End)
        {
            var token = Current;
            if (token.Kind == TokenKind.Data)
            {
                statements.Add(new Data(token.Offset, Take().Text));
            }
            else if (token.Kind == TokenKind.VariableBegin)
            {
                Take();
                statements.Add(new Output(token.Offset, ParseTuple()));
                Expect(TokenKind.VariableEnd, "end of print statement");
            }
            else if (Next.Kind == TokenKind.Name && ends.Contains(Next.Text))
            {
                Take();
                Leave();
                return new Block(offset, statements);
            }
            else
            {
                Take();
                statements.Add(ParseStatement(token.Offset, ends));
                ExpectEnd();
            }
        }
        if (ends.Length > 0)
        {
            throw Fail($"unexpected end of template, expected {string.Join(" or ", ends)}");
        }
        Leave();
        return new Block(offset, statements);
    }

    /// <summary>The body of a statement whose head has been read, and its end tag's name.</summary>
    private Block ParseBodyOf(string end)
    {
        var body = ParseBodyUntil(end);
        Take();
        return body;
    }

    private Block ParseBodyUntil(params string[] ends)
    {
        SkipOperator(":");
        ExpectEnd();
        return ParseBody(ends);
    }

    private Statement ParseStatement(int offset, string[] ends)
    {
        string tag = ExpectName().Text;
        return tag switch
        {
            "if" => ParseIf(offset),
            "for" => ParseFor(offset),
            "set" => ParseSet(offset),
            "macro" => ParseMacro(offset),
            "call" => ParseCallBlock(offset),
            "filter" => ParseFilterBlock(offset),
            "with" => ParseWith(offset),
            "generation" => new ScopedBlock(
                offset, [], Within(false, () => ParseBodyOf("endgeneration"))),
            "break" or "continue" when _loops == 0 =>
                throw _source.SyntaxError(offset, $"'{tag}' outside of a loop"),
            "break" => new LoopControl(offset, Flow.Break),
            "continue" => new LoopControl(offset, Flow.Continue),
            "print" => ParsePrint(offset),
            "include" or "import" or "from" or "extends" or "block" or "autoescape" =>
                throw _source.SyntaxError(
                    offset, $"'{tag}' needs other templates or HTML, a chat template has neither"),
            _ => throw _source.SyntaxError(offset, ends.Length == 0
                ? $"encountered unknown tag '{tag}'"
                : $"encountered unknown tag '{tag}', expected {string.Join(" or ", ends)}"),
        };
    }

    private Block ParsePrint(int offset)
    {
        var outputs = new List<Statement>();
        do
        {
            outputs.Add(new Output(offset, ParseExpression()));
        }
        while (SkipOperator(","));
        return new Block(offset, outputs);
    }

    private If ParseIf(int offset)
    {
        var branches = new List<(Expression, Block)>();
        Block? otherwise = null;
        while (true)
        {
            branches.Add(Within(true, () => (
                ParseTuple(withConditional: false), ParseBodyUntil("elif", "else", "endif"))));
            string tag = Take().Text;
            if (tag == "else")
            {
                otherwise = Within(true, () => ParseBodyOf("endif"));
            }
            if (tag != "elif")
            {
                return new If(offset, branches, otherwise);
            }
        }
    }

    private For ParseFor(int offset)
    {
        var target = ParseTarget(allowNamespace: false, end: "in");
        if (!SkipName("in"))
        {
            throw Fail($"expected 'in', got {Current.Describe()}");
        }
        var source = ParseTuple(withConditional: false, end: "recursive");
        var condition = SkipName("if") ? Within(false, ParseExpression) : null;
        bool isRecursive = SkipName("recursive");
        _loops++;
        var body = Within(false, () => ParseBodyUntil("endfor", "else"));
        _loops--;
        var otherwise = Take().Text == "else"
            ? Within(false, () => ParseBodyOf("endfor"))
            : null;
        return new For(offset)
        {
            Target = target,
            Source = source,
            Condition = condition,
            Body = body,
            Otherwise = otherwise,
            IsRecursive = isRecursive,
        };
    }

    private Statement ParseSet(int offset)
    {
        var target = ParseTarget(allowNamespace: true, end: null);
        if (SkipOperator("="))
        {
            return new Assignment(offset, target, ParseTuple());
        }
        var filter = Current.IsOperator("|") ? ParseFilterChain(inline: false) : null;
        var body = OutsideLoops(() => ParseBodyOf("endset"));
        return new BlockAssignment(offset, target, body, filter);
    }

    /// <summary>Filters one after the other, as a function that wraps their input.</summary>
    private Func<Expression, Expression> ParseFilterChain(bool inline)
    {
        var filters = new List<Func<Expression, Expression>>();
        if (inline)
        {
            filters.Add(ParseFilter());
        }
        while (SkipOperator("|"))
        {
            filters.Add(ParseFilter());
        }
        return input => filters.Aggregate(input, (value, filter) => filter(value));
    }

    private FilterBlock ParseFilterBlock(int offset)
    {
        var filter = ParseFilterChain(inline: true);
        return new FilterBlock(offset, OutsideLoops(() => ParseBodyOf("endfilter")), filter);
    }

    private ScopedBlock ParseWith(int offset)
    {
        var variables = new List<(Target, Expression)>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (variables.Count > 0)
            {
                ExpectOperator(",");
            }
            var target = ParseTarget(allowNamespace: false, end: null);
            ExpectOperator("=");
            variables.Add((target, ParseExpression()));
        }
        var body = Within(false, () => ParseBodyOf("endwith"));
        return new ScopedBlock(offset, variables, body);
    }

    private MacroDefinition ParseMacro(int offset)
    {
        string name = ExpectName().Text;
        return new MacroDefinition(offset, ParseMacroBody(name, ParseParameters(), "endmacro"));
    }

    private CallBlock ParseCallBlock(int offset)
    {
        var parameters = Current.IsOperator("(") ? ParseParameters() : [];
        return ParseExpression() is Call call
            ? new CallBlock(offset, call, ParseMacroBody("caller", parameters, "endcall"))
            : throw _source.SyntaxError(offset, "expected a call");
    }

    private MacroBody ParseMacroBody(
        string name, List<(string Name, Expression? Default)> parameters, string end)
    {
        var outer = _loads;
        _loads = [];
        var body = OutsideLoops(() => ParseBodyOf(end));
        var macro = new MacroBody(name, parameters, body)
        {
            UsesCaller = _loads.Contains("caller"),
            UsesNamed = _loads.Contains("kwargs") && parameters.All(p => p.Name != "kwargs"),
            UsesPositional = _loads.Contains("varargs") && parameters.All(p => p.Name != "varargs"),
        };
        outer.UnionWith(_loads);
        _loads = outer;
        return macro;
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        ExpectOperator("(");
        var parameters = new List<(string Name, Expression? Default)>();
        while (!Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                ExpectOperator(",");
            }
            string name = ExpectName().Text;
            var value = SkipOperator("=") ? ParseExpression() : null;
            if (value is null && parameters.Count > 0 && parameters[^1].Default is not null)
            {
                throw Fail("non-default argument follows default argument");
            }
            parameters.Add((name, value));
        }
        ExpectOperator(")");
        return parameters;
    }

    private Target ParseTarget(bool allowNamespace, string? end)
    {
        int offset = Current.Offset;
        var targets = new List<Target>();
        bool isTuple = false;
        while (!IsTupleEnd(end) && !Current.IsOperator("="))
        {
            targets.Add(ParseSimpleTarget(allowNamespace));
            if (!SkipOperator(","))
            {
                break;
            }
            isTuple = true;
        }
        return isTuple ? new TupleTarget(offset, targets)
            : targets.Count == 1 ? targets[0]
            : throw Fail($"expected a variable name, got {Current.Describe()}");
    }

    private Target ParseSimpleTarget(bool allowNamespace)
    {
        if (SkipOperator("("))
        {
            Enter();
            var inner = ParseTarget(allowNamespace, end: null);
            Leave();
            ExpectOperator(")");
            return inner;
        }
        var name = ExpectName();
        if (name.Text is "true" or "True" or "false" or "False" or "none" or "None"
            || name.Text == "loop" && !allowNamespace)
        {
            throw _source.SyntaxError(name.Offset, $"cannot assign to '{name.Text}'");
        }
        return allowNamespace && SkipOperator(".")
            ? new NamespaceTarget(name.Offset, name.Text, ExpectName().Text)
            : new NameTarget(name.Text);
    }
}
