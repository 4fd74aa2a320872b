using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

[TestFixture]
public sealed class GbnfTests
{
    private static readonly object[][] _languages =
    [
        ["root ::= \"ab\" \"c\"", new[] { "abc" }, new[] { "", "ab", "abcd", "ABC" }],
        ["root ::= \"a\" | \"bc\" | \"\"", new[] { "", "a", "bc" }, new[] { "b", "abc" }],
        ["root ::= [a-cx_]", new[] { "a", "b", "c", "x", "_" }, new[] { "d", "", "ab", "-" }],
        ["root ::= [^a-c\\n]+", new[] { "d", "-é日😀" }, new[] { "", "a", "d\n", "dc" }],
        ["root ::= [a-]", new[] { "a", "-" }, new[] { "b" }],
        ["root ::= [\\]\\[\\\\\"]+", new[] { "][\\\"" }, new[] { "a" }],
        ["root ::= \"\\x41\\u00e9\\U0001F600\\t\\\"\\\\\"", new[] { "Aé😀\t\"\\" }, new[] { "A" }],
        ["root ::= [ぁ-ゟ]+", new[] { "ひらがな" }, new[] { "カ", "a" }],
        ["root ::= .", new[] { "a", "é", "日", "😀", "\n" }, new[] { "", "aa", "😀😀" }],
        ["root ::= \"a\"*", new[] { "", "a", "aaaa" }, new[] { "b", "aab" }],
        ["root ::= \"a\"+ \"b\"?", new[] { "a", "aab" }, new[] { "", "b", "abb" }],
        ["root ::= \"a\"{2}", new[] { "aa" }, new[] { "a", "aaa" }],
        ["root ::= \"a\"{2,}", new[] { "aa", "aaaaa" }, new[] { "a" }],
        ["root ::= \"a\"{1,3}", new[] { "a", "aa", "aaa" }, new[] { "", "aaaa" }],
        ["root ::= (\"a\" \"b\"){0,2} \"c\"",
            new[] { "c", "abc", "ababc" }, new[] { "ac", "abababc" }],
        ["root ::= (\"a\" | \"b\" \"c\")+", new[] { "a", "bc", "abca" }, new[] { "b", "" }],
        ["root ::= \"a\" x # note\n# more\nx ::= \"b\" |\n \"c\"",
            new[] { "ab", "ac" }, new[] { "a" }],
        ["root ::= (\n \"a\"\n # why\n \"b\"\n)\r\n", new[] { "ab" }, new[] { "a" }],
        ["root ::= \"(\" root \")\" | \"\"", new[] { "", "(())" }, new[] { "(", "(()", "())" }],
        ["root ::= \"a\" root \"b\" root | \"\"",
            new[] { "", "ab", "aabbab" }, new[] { "a", "ba" }],
        ["root ::= e\ne ::= t (\"+\" t)*\nt ::= [0-9]+ | \"(\" e \")\"",
            new[] { "1", "1+(2+33)+4" }, new[] { "", "1+", "(1", "1)" }],
        ["root ::= ab ab\nab ::= \"a\"? \"b\"?",
            new[] { "", "ba", "abab", "bb" }, new[] { "bab a" }],
        ["root ::= (\"a\"* \"b\"*)* \"c\"", new[] { "c", "aabbabc" }, new[] { "" }],
        ["root ::= ((\"a\"?)?)* dead?\ndead ::= \"x\" dead", new[] { "", "aa" }, new[] { "x" }],
        ["root ::= right \"!\"\nright ::= \"a\" right | \"a\"",
            new[] { "a!", "aaaa!" }, new[] { "!" }],
        ["root::=\"a\"{ 1 , 2 }", new[] { "a", "aa" }, new[] { "aaa" }],
        ["root ::= [\\u0430-\\u044F]{3}",
            new[] { "мир" }, new[] { "ми", "mir" }],
        ["root ::= [\\x80-\\uFFFF]", new[] { "\u0080", "\uD7FF", "\uE000", "\uFFFF" },
            new[] { "\u007F", "😀" }],
    ];

    [TestCaseSource(nameof(_languages))]
    public void A_grammar_means_what_its_notation_says(string text, string[] good, string[] bad)
    {
        var grammar = TextGrammar.ParseGbnf(text);

        Assert.That(good.Where(t => !grammar.Matches(t)), Is.Empty, "should match");
        Assert.That(bad.Where(grammar.Matches), Is.Empty, "should not match");
    }

    [TestCase("root ::= \"a", 1, 10, "closing")]
    [TestCase("root ::= [a-z", 1, 10, "']'")]
    [TestCase("root ::= (\"a\"\n", 1, 10, "')'")]
    [TestCase("root ::= \"a\"\nx = \"b\"", 2, 3, "'::='")]
    [TestCase("root ::= \"a\"\n  x ::= y\n", 2, 9, "'y' is used and not defined")]
    [TestCase("root ::= \"a\"\nroot ::= \"b\"", 2, 1, "defined twice")]
    [TestCase("main ::= \"a\"", 1, 13, "named 'root'")]
    [TestCase("", 1, 1, "named 'root'")]
    [TestCase("root ::= *", 1, 10, "before the repetition")]
    [TestCase("root ::= \"a\"{3,2}", 1, 13, "maximum")]
    [TestCase("root ::= \"a\"{x}", 1, 14, "a number")]
    [TestCase("root ::= \"a\"{99999}", 1, 14, "at most 10000")]
    [TestCase("root ::= \"a\"{1", 1, 15, "'}'")]
    [TestCase("root ::= \"\\q\"", 1, 11, "escape")]
    [TestCase("root ::= \"\\xZZ\"", 1, 11, "hexadecimal")]
    [TestCase("root ::= \"\\uD800\"", 1, 11, "surrogate")]
    [TestCase("root ::= [z-a]", 1, 12, "ends before")]
    [TestCase("root ::= \"a\" ) \"b\"", 1, 14, "end of the line")]
    [TestCase("root ::= <think>", 1, 10, "token references")]
    [TestCase("::= \"a\"", 1, 1, "name of a rule")]
    public void An_error_names_its_line_and_column(string text, int line, int column, string about)
    {
        var error = Assert.Throws<GrammarException>(() => TextGrammar.ParseGbnf(text));

        Assert.That((error!.Line, error.Column), Is.EqualTo((line, column)), error.Message);
        Assert.That(error.Message, Does.Contain(about).And.Not.Contain("\n"));
    }

    [TestCase("root ::= root \"a\" | \"b\"", "root -> root")]
    [TestCase("root ::= a\na ::= b? c\nb ::= \"x\"\nc ::= a \"y\" | \"z\"", "a -> c -> a")]
    [TestCase("root ::= \"\" (root)* \"a\"", "root -> root")]
    public void Left_recursion_is_refused_with_its_cycle(string text, string cycle) =>
        Assert.That(() => TextGrammar.ParseGbnf(text), Throws.TypeOf<GrammarException>()
            .With.Message.Contains("left recursion").And.Message.Contains(cycle));

    [TestCase("root ::= \"a\" root")]
    [TestCase("root ::= a | b\na ::= \"x\" b\nb ::= \"y\" a")]
    [TestCase("root ::= [^\\x00-\\U0010FFFF]")]
    public void A_grammar_without_any_text_is_refused(string text) =>
        Assert.That(() => TextGrammar.ParseGbnf(text), Throws.TypeOf<GrammarException>()
            .With.Message.Contains("got none"));

    [Test]
    public void Hostile_grammars_are_refused_quickly_or_work()
    {
        string nested = "root ::= " + new string('(', 200_000) + "\"a\"" + new string(')', 200_000);
        string bomb = "root ::= (((\"a\"{1000}){1000}){1000}){1000}";
        string chain = "root ::= r0\n" + string.Concat(
            Enumerable.Range(0, 6_000).Select(i => $"r{i} ::= \"a\" r{i + 1} r{i + 1}\n"))
            + "r6000 ::= \"a\"";
        string subsets = "root ::= [ab]* \"a\" [ab]{40}";
        foreach (string text in (string[])[nested, bomb, subsets])
        {
            Assert.That(() => TextGrammar.ParseGbnf(text), Throws.TypeOf<GrammarException>());
        }
        // Deep but sound, or too deep for the stack: either answer is an orderly one.
        Assert.That(Refusal(() => TextGrammar.ParseGbnf(chain)),
            Is.Null.Or.TypeOf<GrammarException>());
    }

    [Test]
    public void Exponential_ambiguity_is_bounded()
    {
        var grammar = TextGrammar.ParseGbnf("""
            root ::= "a" root "x" | "a" root "y" | "a" root "x" "z" | "b"
            """);

        Assert.That(grammar.Matches("aab" + "xy"), Is.True);
        Assert.That(grammar.Matches("aab" + "xz"), Is.False);
        Assert.That(Refusal(() => grammar.Matches(new string('a', 60) + "b")),
            Is.Null.Or.TypeOf<GrammarException>());
    }

    private static Exception? Refusal(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
