using System.Collections.Frozen;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>What can follow <c>is</c>.</summary>
internal static class Tests
{
    private delegate bool Body(RenderContext context, JinjaValue value, JinjaValue?[] arguments);

    private static readonly FrozenDictionary<string, (string[] Parameters, Body Body)> _tests =
        Build().ToFrozenDictionary();

    public static bool Exists(string name) => _tests.ContainsKey(name);

    public static bool Apply(
        RenderContext context, string name, JinjaValue value, Arguments arguments)
    {
        return _tests.TryGetValue(name, out var test)
            ? test.Body(
                context, value, arguments.Bind(context, $"the test {name}", test.Parameters))
            : throw context.Error($"no test named '{name}'");
    }

    private static Dictionary<string, (string[] Parameters, Body Body)> Build()
    {
        var tests = new Dictionary<string, (string[] Parameters, Body Body)>();
        void Plain(string name, Func<JinjaValue, bool> test) =>
            tests[name] = ([], (_, value, _) => test(value));
        void Compare(string symbol, params string[] names)
        {
            foreach (string name in names)
            {
                tests[name] = (["other!"],
                    (context, value, given) => Comparison.Test(context, symbol, value, given[0]!));
            }
        }

        Plain("defined", value => value is not UndefinedValue);
        Plain("undefined", value => value is UndefinedValue);
        Plain("none", value => value is NoneValue);
        Plain("boolean", value => value is BoolValue);
        Plain("true", value => value == BoolValue.True);
        Plain("false", value => value == BoolValue.False);
        Plain("integer", value => value is IntValue);
        Plain("float", value => value is FloatValue);
        Plain("number", Equality.IsNumber);
        Plain("string", value => value is StringValue);
        Plain("mapping", value => value is DictValue);
        Plain("sequence", value => value is StringValue or ListValue or DictValue or RangeValue
            or UndefinedValue);
        Plain("iterable", Iteration.IsIterable);
        Plain("callable", value => value is Callable and not LoopValue or UndefinedValue);
        Plain("escaped", _ => false);
        Plain("lower", value => CaseMapping.IsLower(PythonText.Str(value)));
        Plain("upper", value => CaseMapping.IsUpper(PythonText.Str(value)));
        Plain("filter", value => value is StringValue name && Filters.Exists(name.Text));
        Plain("test", value => value is StringValue name && Exists(name.Text));
        Compare("==", "==", "eq", "equalto");
        Compare("!=", "!=", "ne");
        Compare("<", "<", "lt", "lessthan");
        Compare("<=", "<=", "le");
        Compare(">", ">", "gt", "greaterthan");
        Compare(">=", ">=", "ge");
        Compare("in", "in");
        tests["sameas"] = (["other!"], (_, value, given) => IsSame(value, given[0]!));
        tests["odd"] = ([], (context, value, _) => Modulo(context, value, JinjaValue.From(2)) is
        { } rest && Equality.CompareNumbers(rest, JinjaValue.From(1)) == 0);
        tests["even"] = ([], (context, value, _) =>
            !Modulo(context, value, JinjaValue.From(2)).IsTrue);
        tests["divisibleby"] = (["num!"], (context, value, given) =>
            !Modulo(context, value, given[0]!).IsTrue);
        return tests;
    }

    private static JinjaValue Modulo(RenderContext context, JinjaValue value, JinjaValue divisor)
    {
        return Operators.Apply(context, "%", value, divisor);
    }

    // Small values are one object in Python; here equality of the same type stands for that.
    private static bool IsSame(JinjaValue a, JinjaValue b) => ReferenceEquals(a, b)
        || a is IntValue or StringValue && a.GetType() == b.GetType() && Equality.Equal(a, b);
}
