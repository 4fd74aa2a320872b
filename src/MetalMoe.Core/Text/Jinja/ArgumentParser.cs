namespace MetalMoe.Core.Text.Jinja;

/// <summary>The arguments of calls, filters and tests.</summary>
internal sealed partial class Parser
{
    private ArgumentList ParseArguments()
    {
        int offset = ExpectOperator("(").Offset;
        var positional = new List<(Expression, bool)>();
        var named = new List<(string, Expression)>();
        Expression? spread = null;
        bool hasSpread = false;
        while (!Current.IsOperator(")"))
        {
            if (positional.Count + named.Count > 0 || spread is not null)
            {
                ExpectOperator(",");
                if (Current.IsOperator(")"))
                {
                    break;
                }
            }
            bool isNamed = Current.Kind == TokenKind.Name && Next.IsOperator("=");
            bool valid = spread is null && (isNamed || Current.IsOperator("**")
                || !hasSpread && (Current.IsOperator("*") || named.Count == 0));
            if (!valid)
            {
                throw _source.SyntaxError(offset, "invalid order of arguments");
            }
            if (isNamed)
            {
                string name = Take().Text;
                Take();
                named.Add((name, ParseExpression()));
            }
            else if (SkipOperator("**"))
            {
                spread = ParseExpression();
            }
            else
            {
                bool isSpread = SkipOperator("*");
                hasSpread |= isSpread;
                positional.Add((ParseExpression(), isSpread));
            }
        }
        ExpectOperator(")");
        return new ArgumentList(positional, named, spread);
    }
}
