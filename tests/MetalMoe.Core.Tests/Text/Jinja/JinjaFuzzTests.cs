using System.Diagnostics;
using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>Whatever the source, the engine ends, and fails in its own exception only.</summary>
[TestFixture]
public sealed class JinjaFuzzTests
{
    private const int Seed = 20260521;

    private static readonly JinjaLimits _small = new()
    {
        MaxSteps = 100_000,
        MaxAllocatedBytes = 8 << 20,
        MaxOutputLength = 1 << 20,
        MaxDepth = 150,
    };

    private static readonly string[] _fragments =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{{-", "-}}", "{%+", "\n", " ", "text",
        "if", "elif", "else", "endif", "for", "in", "endfor", "set", "endset", "macro", "endmacro",
        "call", "endcall", "filter", "endfilter", "with", "endwith", "raw", "endraw", "break",
        "continue", "generation", "endgeneration", "recursive", "not", "and", "or", "is", "defined",
        "x", "y", "loop", "messages", "namespace", "range", "caller", "varargs", "kwargs", "dict",
        "(", ")", "[", "]", "{", "}", ",", ".", ":", "|", "=", "==", "!=", "<", ">=", "+", "-",
        "*", "/", "//", "%", "**", "~", "'a'", "\"b", "'\\u12", "1", "2.5", "0x", "1e9", "99999",
        "true", "none", "upper", "tojson", "join", "map", "select", "sort", "items", "split",
        "format", "'{}'", "'%s'", "replace", "batch", "length", "first", "center",
        "index", "\ud83d",
        "\u00e9", "\0", "\\",
    ];

    [Test]
    public void Random_tokens_never_hang_or_crash()
    {
        var random = new Random(Seed);
        var variables = Variables();
        var tally = new Tally();
        for (int i = 0; i < 20_000; i++)
        {
            var source = new StringBuilder();
            // Half of the sources start inside a tag, where most of the grammar is.
            source.Append(random.Next(4) switch { 0 => "{{ ", 1 => "{% ", _ => "" });
            for (int count = random.Next(1, 24); count > 0; count--)
            {
                source.Append(_fragments[random.Next(_fragments.Length)]);
                source.Append(random.Next(3) > 0 ? " " : "");
            }
            tally.Run(source.ToString(), variables);
        }
        tally.Print();
    }

    [Test]
    public void Random_expressions_never_hang_or_crash()
    {
        var random = new Random(Seed);
        var variables = Variables();
        var tally = new Tally();
        for (int i = 0; i < 20_000; i++)
        {
            tally.Run("{{ " + Expression(random, 4) + " }}", variables);
        }
        tally.Print();
        Assert.That(tally.Rendered, Is.GreaterThan(2000), "the expressions must be worth running");
    }

    [Test]
    public void Mutated_templates_never_hang_or_crash()
    {
        var random = new Random(Seed);
        var vectors = JsonDocument.Parse(JinjaRunner.ReadData("language.json")).RootElement;
        var variables = JinjaRunner.Variables(vectors.GetProperty("variables"));
        string[] sources = [.. vectors.GetProperty("renders").EnumerateArray()
            .Select(pair => pair[0].GetString()!)];
        var tally = new Tally();
        for (int i = 0; i < 20_000; i++)
        {
            var source = new StringBuilder(sources[random.Next(sources.Length)]);
            for (int count = random.Next(1, 4); count > 0; count--)
            {
                Mutate(random, source, sources);
            }
            tally.Run(source.ToString(), variables);
        }
        tally.Print();
    }

    private static void Mutate(Random random, StringBuilder source, string[] sources)
    {
        int at = random.Next(source.Length + 1);
        int length = Math.Min(random.Next(1, 6), source.Length - at);
        switch (random.Next(4))
        {
            case 0:
                source.Remove(at, length);
                break;
            case 1:
                source.Insert(at, _fragments[random.Next(_fragments.Length)]);
                break;
            case 2:
                source.Insert(random.Next(source.Length + 1), source.ToString(at, length));
                break;
            default:
                string other = sources[random.Next(sources.Length)];
                source.Insert(at, other[random.Next(other.Length)..]);
                break;
        }
    }

    private static string Expression(Random random, int depth)
    {
        string Next() => Expression(random, depth - 1);
        string Pick(params string[] choices) => choices[random.Next(choices.Length)];
        if (depth == 0 || random.Next(5) == 0)
        {
            return Pick("1", "-7", "2.5", "'añ😀b'", "''", "none", "true", "x", "y", "messages",
                "[3, 1, 2]", "{'a': 1}", "()", "range(4)", "missing", "10 ** 30", "'a,b,c'");
        }
        return random.Next(12) switch
        {
            0 => $"({Next()} {Pick("+", "-", "*", "/", "//", "%", "**", "~")} {Next()})",
            1 => $"({Next()} {Pick("==", "!=", "<", "<=", "in", "not in")} {Next()})",
            2 => $"({Next()} {Pick("and", "or")} {Next()})",
            3 => $"({Next()} if {Next()} else {Next()})",
            4 => $"({Next()})[{Next()}]",
            5 => $"({Next()})[{Next()}:{Next()}:{Pick("1", "-1", "2", "0", "none")}]",
            6 => $"({Next()}).{Pick("a", "items()", "upper()", "split(',')", "get('a')", "role")}",
            7 => $"({Next()} | {Pick("list", "length", "tojson", "string", "int", "float", "sort",
                "reverse", "first", "last", "unique", "sum", "min", "items", "title", "trim",
                "round", "abs", "join(',')", "batch(2)", "slice(2)", "indent", "default(1)",
                "map('string')", "select", "reject('none')", "groupby(0)", "dictsort")})",
            8 => $"({Next()} is {Pick("defined", "none", "odd", "mapping", "string", "iterable",
                "divisibleby 2", "in [1, 2]", "sameas none", "lower")})",
            9 => $"[{Next()}, {Next()}]",
            10 => $"{{{Next()}: {Next()}}}",
            _ => $"(not {Next()})",
        };
    }

    private static Dictionary<string, JinjaValue> Variables() => JinjaRunner.Variables(
        """
        {"x": 3, "y": "héllo 😀", "messages": [{"role": "user", "content": "Hi", "a": [1]},
          {"role": "assistant", "content": null}]}
        """);

    /// <summary>Counts how the sources ended; anything but an own exception fails the test.
    /// </summary>
    private sealed class Tally
    {
        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private readonly Dictionary<JinjaErrorKind, int> _errors = [];

        public int Rendered { get; private set; }

        public void Run(string source, Dictionary<string, JinjaValue> variables)
        {
            var before = _watch.Elapsed;
            try
            {
                JinjaRunner.Render(source, variables, _small);
                Rendered++;
            }
            catch (JinjaException error)
            {
                _errors[error.Kind] = _errors.GetValueOrDefault(error.Kind) + 1;
            }
            catch (Exception error)
            {
                Assert.Fail(
                    $"{error.GetType().Name} from {JsonSerializer.Serialize(source)}\n{error}");
            }
            Assert.That(_watch.Elapsed - before, Is.LessThan(TimeSpan.FromSeconds(5)), source);
        }

        public void Print()
        {
            TestContext.Out.WriteLine($"{Rendered} rendered, "
                + string.Join(", ", _errors.Select(e => $"{e.Value} {e.Key}"))
                + $" in {_watch.ElapsedMilliseconds} ms");
            Assert.That(Rendered + _errors.Values.Sum(), Is.GreaterThan(0));
        }
    }
}
