using System.Diagnostics;
using System.Text;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

[TestFixture]
public sealed class TokenMaskTests
{
    private const string Schema = """
        {"type":"object","required":["name","age","tags","address"],"properties":{
          "name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
          "email":{"type":"string","maxLength":40},
          "tags":{"type":"array","items":{"type":"string"},"maxItems":8},
          "kind":{"enum":["person","company","other"]},
          "address":{"type":"object","required":["city","zip"],"properties":{
            "city":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}}},
          "children":{"type":"array","items":{"$ref":"#"}}}}
        """;

    private static readonly string[] _grammars =
    [
        "root ::= \"a\" [^b]* \"b\" root?",
        "root ::= \"(\" root \")\" | [0-9]+ | \"日本\" | \"😀\" root",
        "root ::= item (\", \" item)*\n"
            + "item ::= \"\\\"\" [^\"]{0,5} \"\\\"\" | \"true\" | \"[\" root \"]\"",
        "root ::= x x x\nx ::= \"a\"? y{0,3}\ny ::= [a-cé日]{0,9} \"\\n\"",
    ];

    [Test]
    public void A_mask_holds_exactly_the_tokens_that_can_be_appended()
    {
        var vocabulary = TestVocabulary.Small;
        var random = new Random(7);
        int checkedStates = 0;
        TextGrammar[] grammars = [.. _grammars.Select(TextGrammar.ParseGbnf),
            TextGrammar.FromJsonSchema(Schema), TextGrammar.FromJsonSchema("true")];
        foreach (var grammar in grammars)
        {
            var automaton = new TokenMaskAutomaton(grammar, vocabulary.Grammar);
            for (int run = 0; run < 12; run++)
            {
                var state = automaton.Start();
                for (int i = 0; i < 40; i++)
                {
                    ulong[] mask = automaton.AllowedTokens(state).ToArray();
                    int[] allowed = [.. Enumerable.Range(0, vocabulary.Tokens.Length)
                        .Where(t => automaton.IsAllowed(state, t))];
                    int[] masked = [.. Enumerable.Range(0, vocabulary.Tokens.Length)
                        .Where(t => RandomWriter.Has(mask, t))];
                    Assert.That(masked, Is.EqualTo(allowed));
                    Assert.That(masked, Is.Not.Empty);
                    Assert.That(RandomWriter.Has(mask, vocabulary.EndToken),
                        Is.EqualTo(state.IsComplete));
                    checkedStates++;
                    int token = masked[random.Next(masked.Length)];
                    if (token == vocabulary.EndToken)
                    {
                        break;
                    }
                    state = automaton.Advance(state, token);
                }
            }
        }
        TestContext.Out.WriteLine($"masks: {checkedStates} states compared token by token");
    }

    [Test]
    public void Whatever_is_written_under_a_mask_matches_its_grammar()
    {
        var vocabulary = TestVocabulary.Small;
        var random = new Random(8);
        int complete = 0;
        foreach (string text in _grammars)
        {
            var grammar = TextGrammar.ParseGbnf(text);
            var automaton = new TokenMaskAutomaton(grammar, vocabulary.Grammar);
            for (int run = 0; run < 30; run++)
            {
                if (RandomWriter.Write(automaton, vocabulary, random, 10, 300) is { } written)
                {
                    complete++;
                    Assert.That(grammar.Matches(written), Is.True, written);
                }
            }
        }
        Assert.That(complete, Is.GreaterThan(60));
    }

    [Test]
    public void A_character_may_be_cut_between_tokens_but_not_stay_incomplete()
    {
        var vocabulary = TestVocabulary.Small;
        var automaton = new TokenMaskAutomaton(
            TextGrammar.ParseGbnf("root ::= \"x\" [😀-😃]"), vocabulary.Grammar);
        var state = automaton.Advance(automaton.Start(), 'x');
        int half = Array.FindIndex(vocabulary.Tokens, t => t is [0xF0, 0x9F]);
        state = automaton.Advance(state, half);

        Assert.That(state.IsComplete, Is.False);
        Assert.That(automaton.IsAllowed(state, vocabulary.EndToken), Is.False);
        Assert.That(automaton.IsAllowed(state, 0x97), Is.False);
        state = automaton.Advance(automaton.Advance(state, 0x98), 0x83);
        Assert.That(state.IsComplete, Is.True);
        Assert.That(automaton.Advance(state, vocabulary.EndToken), Is.SameAs(state));
        Assert.That(() => automaton.Advance(state, 'x'), Throws.TypeOf<GrammarException>());
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_grammar_can_wait_for_the_end_of_the_reasoning(bool asToken)
    {
        string[] texts = ["</think>", "ok</thi", "nk>tr", "nk>no"];
        int count = 256 + texts.Length + 1;
        byte[] Bytes(int t) => t < 256 ? [(byte)t]
            : t < count - 1 ? Encoding.UTF8.GetBytes(texts[t - 256]) : [];
        var vocabulary = new GrammarVocabulary(count, t => Bytes(t), [count - 1]);
        var automaton = new TokenMaskAutomaton(TextGrammar.ParseGbnf("root ::= \"true\""),
            vocabulary, asToken ? GrammarTrigger.After(256) : GrammarTrigger.After("</think>"));
        var state = automaton.Advance(automaton.Start(), '}');

        Assert.That(state.IsWaiting, Is.True);
        Assert.That(RandomWriter.Has(automaton.AllowedTokens(state), count - 1), Is.False);
        Assert.That(RandomWriter.Has(automaton.AllowedTokens(state), 'z'), Is.True);
        var open = automaton.Advance(state, 256);
        Assert.That(open.IsWaiting, Is.False);
        Assert.That(automaton.IsAllowed(open, 't'), Is.True);
        Assert.That(automaton.IsAllowed(open, 'z'), Is.False);
        // The text may also be spread over tokens, with the answer begun in the last of them.
        state = automaton.Advance(automaton.Advance(state, '<'), 257);
        var mask = automaton.AllowedTokens(state);
        Assert.That(RandomWriter.Has(mask, 258), Is.True);
        Assert.That(RandomWriter.Has(mask, 259), Is.EqualTo(asToken));
        state = automaton.Advance(state, 258);
        Assert.That(automaton.IsAllowed(state, 'u'), Is.True);
        Assert.That(state.IsWaiting, Is.EqualTo(asToken));
    }

    [Test]
    public void A_vocabulary_that_cannot_spell_the_grammar_is_refused()
    {
        var grammar = TextGrammar.ParseGbnf("root ::= \"ab\"");
        byte[][] tokens = [[(byte)'a'], [(byte)'b', (byte)'c'], []];
        var noB = new GrammarVocabulary(3, t => tokens[t], [2]);
        var noEnd = new GrammarVocabulary(3, t => tokens[t], []);

        Assert.That(() => new TokenMaskAutomaton(grammar, noB),
            Throws.TypeOf<GrammarException>().With.Message.Contains("0x62"));
        Assert.That(() => new TokenMaskAutomaton(grammar, noEnd),
            Throws.TypeOf<GrammarException>().With.Message.Contains("ends a text"));
        Assert.That(() => new GrammarVocabulary(3, t => tokens[t], [3]),
            Throws.TypeOf<GrammarException>());
    }

    [Test]
    public async Task Threads_share_one_automaton()
    {
        var vocabulary = TestVocabulary.Small;
        var automaton = new TokenMaskAutomaton(
            TextGrammar.FromJsonSchema(Schema), vocabulary.Grammar);
        string?[] Texts(TokenMaskAutomaton shared, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, 6).Select(
                _ => RandomWriter.Write(shared, vocabulary, random, 30, 2000))];
        }

        var shared = await Task.WhenAll(Enumerable.Range(0, 4).Select(
            seed => Task.Run(() => Texts(automaton, seed))));

        for (int seed = 0; seed < shared.Length; seed++)
        {
            var alone = new TokenMaskAutomaton(
                TextGrammar.FromJsonSchema(Schema), vocabulary.Grammar);
            Assert.That(shared[seed], Is.EqualTo(Texts(alone, seed)));
        }
    }

    [Test]
    public void Masks_of_a_large_vocabulary_are_cheap_and_free_of_allocation_once_warm()
    {
        const int Count = 248_320;
        const string Document = "{\"name\": \"Ada Lovelace\", \"age\": 36,\n "
            + "\"email\": \"ada@b.org\", \"tags\": [\"first\", "
            + "\"poet of science\"], \"kind\": \"person\", \"address\": "
            + "{\"city\": \"London\", \"zip\": \"12345\"}, \"children\": [{"
            + "\"name\": \"Byron\", \"age\": 7, \"tags\": [], "
            + "\"address\": {\"city\": \"Ockham\", \"zip\": \"00001\"}}]}";
        var watch = Stopwatch.StartNew();
        var vocabulary = TestVocabulary.Large(Count, seed: 5);
        int[] tokens = [.. vocabulary.Tokenize(Document)];
        double made = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        var grammar = TextGrammar.FromJsonSchema(Schema);
        double compiled = watch.Elapsed.TotalMilliseconds;
        var automaton = new TokenMaskAutomaton(grammar, vocabulary.Grammar);
        watch.Restart();
        Run(automaton, tokens);
        double cold = watch.Elapsed.TotalMicroseconds / tokens.Length;
        // Other documents of the schema share the parts of masks, although stacks differ.
        watch.Restart();
        int[] nested = [.. vocabulary.Tokenize(Document.Replace(
            "\"children\": [{", "\"children\": [" + Document[..^1] + "}, {"))];
        watch.Restart();
        Run(automaton, nested);
        double deeper = watch.Elapsed.TotalMicroseconds / nested.Length;
        Run(automaton, nested);
        long before = GC.GetAllocatedBytesForCurrentThread();
        watch.Restart();
        const int Rounds = 2000;
        for (int i = 0; i < Rounds; i++)
        {
            Run(automaton, nested);
        }
        double warm = watch.Elapsed.TotalNanoseconds / Rounds / nested.Length;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        TestContext.Out.WriteLine($"masks of {Count} tokens: {warm:F0} ns warm, {cold:F0} us cold, "
            + $"{deeper:F0} us where only the stack is new (mask + advance, per token of "
            + $"{nested.Length}); schema compiled in {compiled:F1} ms, vocabulary made up in "
            + $"{made:F0} ms");
        Assert.That(allocated, Is.Zero);
        // 5 % of a decode step of 20 ms, with room for a busy machine.
        Assert.That(warm, Is.LessThan(1e6));
    }

    private static void Run(TokenMaskAutomaton automaton, int[] tokens)
    {
        var state = automaton.Start();
        foreach (int token in tokens)
        {
            if (!RandomWriter.Has(automaton.AllowedTokens(state), token))
            {
                throw new InvalidOperationException($"token {token} is not allowed");
            }
            state = automaton.Advance(state, token);
        }
        if (!state.IsComplete)
        {
            throw new InvalidOperationException("the document is not complete");
        }
    }
}
