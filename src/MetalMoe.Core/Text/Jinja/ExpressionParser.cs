using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Expressions, with Jinja2's precedence.</summary>
internal sealed partial class Parser
{
    private static readonly string[] NotTestArguments = ["else", "or", "and"];

    /// <summary>An expression, or several with commas between them as a tuple.</summary>
    private Expression ParseTuple(
        bool withConditional = true, string? end = null, bool inParens = false)
    {
        int offset = Current.Offset;
        var items = new List<Expression>();
        bool isTuple = false;
        while (!IsTupleEnd(end))
        {
            items.Add(withConditional ? ParseExpression() : ParseOr());
            if (!SkipOperator(","))
            {
                break;
            }
            isTuple = true;
        }
        if (!isTuple && items.Count == 1)
        {
            return items[0];
        }
        return isTuple || inParens
            ? new Sequence(offset, items, isTuple: true)
            : throw Fail($"expected an expression, got {Current.Describe()}");
    }

    private bool IsTupleEnd(string? end) =>
        Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Current.IsOperator(")")
        || end is not null && Current.IsName(end);

    private Expression ParseExpression()
    {
        Enter();
        int offset = Current.Offset;
        int unknown = _unknown.Count;
        var value = ParseOr();
        while (SkipName("if"))
        {
            var test = ParseOr();
            var otherwise = SkipName("else") ? ParseExpression() : null;
            value = new Conditional(offset, test, value, otherwise);
            _unknown.RemoveRange(unknown, _unknown.Count - unknown);
        }
        Leave();
        return value;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        while (Current.IsName("or"))
        {
            int offset = Take().Offset;
            left = new Logical(offset, isAnd: false, left, ParseAnd());
        }
        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        while (Current.IsName("and"))
        {
            int offset = Take().Offset;
            left = new Logical(offset, isAnd: true, left, ParseNot());
        }
        return left;
    }

    private Expression ParseNot()
    {
        if (!Current.IsName("not"))
        {
            return ParseComparison();
        }
        int offset = Take().Offset;
        Enter();
        var operand = ParseNot();
        Leave();
        return new Unary(offset, "not", operand);
    }

    private Expression ParseComparison()
    {
        int offset = Current.Offset;
        var first = ParseSum();
        List<(string Symbol, Expression Operand)>? rest = null;
        while (TakeComparison() is { } symbol)
        {
            (rest ??= []).Add((symbol, ParseSum()));
        }
        return rest is null ? first : new Comparison(offset, first, rest);
    }

    private string? TakeComparison()
    {
        if (Current.Kind == TokenKind.Operator
            && Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" || Current.IsName("in"))
        {
            return Take().Text;
        }
        if (Current.IsName("not") && Next.IsName("in"))
        {
            Take();
            Take();
            return "not in";
        }
        return null;
    }

    private Expression ParseSum()
    {
        var left = ParseConcatenation();
        while (Current.IsOperator("+") || Current.IsOperator("-"))
        {
            var symbol = Take();
            left = new Binary(symbol.Offset, symbol.Text, left, ParseConcatenation());
        }
        return left;
    }

    private Expression ParseConcatenation()
    {
        int offset = Current.Offset;
        var first = ParseProduct();
        if (!Current.IsOperator("~"))
        {
            return first;
        }
        var parts = new List<Expression> { first };
        while (SkipOperator("~"))
        {
            parts.Add(ParseProduct());
        }
        return new Concatenation(offset, parts);
    }

    private Expression ParseProduct()
    {
        var left = ParsePower();
        while (Current.Kind == TokenKind.Operator && Current.Text is "*" or "/" or "//" or "%")
        {
            var symbol = Take();
            left = new Binary(symbol.Offset, symbol.Text, left, ParsePower());
        }
        return left;
    }

    private Expression ParsePower()
    {
        var left = ParseUnary(withFilters: true);
        while (Current.IsOperator("**"))
        {
            int offset = Take().Offset;
            left = new Binary(offset, "**", left, ParseUnary(withFilters: true));
        }
        return left;
    }

    private Expression ParseUnary(bool withFilters)
    {
        Expression node;
        if (Current.IsOperator("-") || Current.IsOperator("+"))
        {
            var symbol = Take();
            Enter();
            node = new Unary(symbol.Offset, symbol.Text, ParseUnary(withFilters: false));
            Leave();
        }
        else
        {
            node = ParsePrimary();
        }
        node = ParsePostfix(node);
        return withFilters ? ParseFiltersAndTests(node) : node;
    }

    private Expression ParsePrimary()
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Take();
                return ParseName(token);
            case TokenKind.String:
                Take();
                string text = token.Text;
                while (Current.Kind == TokenKind.String)
                {
                    text += Take().Text;
                }
                return new Constant(token.Offset, new StringValue(text));
            case TokenKind.Integer:
                Take();
                return new Constant(token.Offset, new IntValue(ParseInteger(token)));
            case TokenKind.Float:
                Take();
                return new Constant(token.Offset, new FloatValue(
                    double.Parse(token.Text, CultureInfo.InvariantCulture)));
            case TokenKind.Operator when token.Text == "(":
                Take();
                var inner = ParseTuple(inParens: true);
                ExpectOperator(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new Sequence(token.Offset, ParseListItems(), isTuple: false);
            case TokenKind.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw Fail($"unexpected {token.Describe()}");
        }
    }

    private Expression ParseName(Token token)
    {
        switch (token.Text)
        {
            case "true" or "True":
                return new Constant(token.Offset, BoolValue.True);
            case "false" or "False":
                return new Constant(token.Offset, BoolValue.False);
            case "none" or "None":
                return new Constant(token.Offset, JinjaValue.None);
            default:
                _loads.Add(token.Text);
                return new Name(token.Offset, token.Text);
        }
    }

    private BigInteger ParseInteger(Token token)
    {
        string text = token.Text;
        if (text.Length > 1000)
        {
            throw _source.SyntaxError(token.Offset, "an integer of more than 1000 digits");
        }
        char marker = text.Length > 1 ? char.ToLowerInvariant(text[1]) : '0';
        int radix = marker switch { 'b' => 2, 'o' => 8, 'x' => 16, _ => 10 };
        if (radix == 10)
        {
            return BigInteger.Parse(text, CultureInfo.InvariantCulture);
        }
        var value = BigInteger.Zero;
        foreach (char c in text.AsSpan(2))
        {
            value = value * radix + Convert.ToInt32(c.ToString(), 16);
        }
        return value;
    }

    private List<Expression> ParseListItems()
    {
        ExpectOperator("[");
        var items = new List<Expression>();
        while (!Current.IsOperator("]"))
        {
            if (items.Count > 0)
            {
                ExpectOperator(",");
                if (Current.IsOperator("]"))
                {
                    break;
                }
            }
            items.Add(ParseExpression());
        }
        ExpectOperator("]");
        return items;
    }

    private DictLiteral ParseDict()
    {
        int offset = ExpectOperator("{").Offset;
        var entries = new List<(Expression, Expression)>();
        while (!Current.IsOperator("}"))
        {
            if (entries.Count > 0)
            {
                ExpectOperator(",");
                if (Current.IsOperator("}"))
                {
                    break;
                }
            }
            var key = ParseExpression();
            ExpectOperator(":");
            entries.Add((key, ParseExpression()));
        }
        ExpectOperator("}");
        return new DictLiteral(offset, entries);
    }

    private Expression ParsePostfix(Expression node)
    {
        while (true)
        {
            if (Current.IsOperator("."))
            {
                int offset = Take().Offset;
                var name = Take();
                node = name.Kind switch
                {
                    TokenKind.Name => new Member(offset, node, name.Text),
                    TokenKind.Integer => new Subscript(
                        offset, node, new Constant(offset, new IntValue(ParseInteger(name)))),
                    _ => throw _source.SyntaxError(name.Offset, "expected name or number"),
                };
            }
            else if (Current.IsOperator("["))
            {
                node = ParseSubscript(node);
            }
            else if (Current.IsOperator("("))
            {
                int offset = Current.Offset;
                node = new Call(offset, node, ParseArguments());
            }
            else
            {
                return node;
            }
        }
    }

    private Expression ParseSubscript(Expression owner)
    {
        int offset = ExpectOperator("[").Offset;
        var keys = new List<Expression>();
        while (!Current.IsOperator("]"))
        {
            if (keys.Count > 0)
            {
                ExpectOperator(",");
            }
            Expression? start = Current.IsOperator(":") ? null : ParseExpression();
            if (!SkipOperator(":"))
            {
                keys.Add(start!);
                continue;
            }
            var stop = ParseSliceBound();
            var step = SkipOperator(":") ? ParseSliceBound() : null;
            if (keys.Count > 0 || !Current.IsOperator("]"))
            {
                throw Fail("a slice cannot be part of a tuple");
            }
            ExpectOperator("]");
            return new Slice(offset, owner, start, stop, step);
        }
        ExpectOperator("]");
        return keys.Count == 1
            ? new Subscript(offset, owner, keys[0])
            : new Subscript(offset, owner, new Sequence(offset, keys, isTuple: true));
    }

    private Expression? ParseSliceBound() =>
        Current.IsOperator(":") || Current.IsOperator("]") || Current.IsOperator(",")
            ? null
            : ParseExpression();

    private Expression ParseFiltersAndTests(Expression node)
    {
        while (true)
        {
            if (Current.IsOperator("|"))
            {
                Take();
                node = ParseFilter()(node);
            }
            else if (Current.IsName("is"))
            {
                node = ParseTest(node);
            }
            else if (Current.IsOperator("("))
            {
                int offset = Current.Offset;
                node = new Call(offset, node, ParseArguments());
            }
            else
            {
                return node;
            }
        }
    }

    /// <summary>One filter, as a function that wraps its input.</summary>
    private Func<Expression, Expression> ParseFilter()
    {
        int offset = Current.Offset;
        string name = ParseDottedName();
        if (!Filters.Exists(name))
        {
            ReportUnknown(offset, $"no filter named '{name}'");
        }
        var arguments = Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty;
        return input => new FilterCall(offset, input, name, arguments);
    }

    private Expression ParseTest(Expression input)
    {
        int offset = Take().Offset;
        bool negated = SkipName("not");
        int nameOffset = Current.Offset;
        string name = ParseDottedName();
        if (!Tests.Exists(name))
        {
            ReportUnknown(nameOffset, $"no test named '{name}'");
        }
        var arguments = ArgumentList.Empty;
        if (Current.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (Current.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer
            or TokenKind.Float || Current.IsOperator("[") || Current.IsOperator("{"))
        {
            if (Current.IsName("is"))
            {
                throw Fail("tests cannot be chained with is");
            }
            if (!(Current.Kind == TokenKind.Name && NotTestArguments.Contains(Current.Text)))
            {
                arguments = ArgumentList.Single(ParsePostfix(ParsePrimary()));
            }
        }
        var test = new TestCall(offset, input, name, arguments);
        return negated ? new Unary(offset, "not", test) : test;
    }

    private string ParseDottedName()
    {
        string name = ExpectName().Text;
        while (SkipOperator("."))
        {
            name += "." + ExpectName().Text;
        }
        return name;
    }

    private void Enter()
    {
        if (++_depth > _maxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw _source.Error(JinjaErrorKind.Limit, Current.Offset,
                $"limit reached: nesting deeper than {_maxDepth} levels");
        }
    }

    private void Leave() => _depth--;
}
