using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>The grammar of JSON against a parser of JSON, on random and on damaged documents.
/// </summary>
[TestFixture]
public sealed class JsonGrammarTests
{
    private const string Json = """
        root   ::= ws value ws
        value  ::= object | array | string | number | "true" | "false" | "null"
        object ::= "{" ws (member (ws "," ws member)*)? ws "}"
        member ::= string ws ":" ws value
        array  ::= "[" ws (value (ws "," ws value)*)? ws "]"
        string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
        number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?
        ws     ::= [ \t\r\n]*
        """;

    [Test]
    public void The_grammar_of_json_accepts_what_a_json_parser_accepts()
    {
        var grammar = TextGrammar.ParseGbnf(Json);
        var random = new Random(41);
        int accepted = 0;
        const int Count = 3000;
        for (int i = 0; i < Count; i++)
        {
            byte[] text = Encoding.UTF8.GetBytes(RandomDocument(random, 4));
            for (int damage = random.Next(4); damage > 0; damage--)
            {
                text = Damage(text, random);
            }
            bool expected = Parses(text);
            accepted += expected ? 1 : 0;
            Assert.That(grammar.Matches(text), Is.EqualTo(expected),
                () => Encoding.UTF8.GetString(text));
        }
        TestContext.Out.WriteLine($"json: {Count} documents, {accepted} valid");
        Assert.That(accepted, Is.InRange(Count / 5, Count * 4 / 5));
    }

    private static bool Parses(byte[] text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            // The parser leaves strings as they are; the grammar wants them to be UTF-8.
            return System.Text.Unicode.Utf8.IsValid(text);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static byte[] Damage(byte[] text, Random random)
    {
        int at = random.Next(text.Length + 1);
        byte value = (byte)"{}[]\",:\\u0e-.+ 1atn\x01é"[random.Next(21)];
        return random.Next(3) switch
        {
            0 => [.. text[..at], value, .. text[at..]],
            1 when at < text.Length => [.. text[..at], .. text[(at + 1)..]],
            2 when at < text.Length => [.. text[..at], value, .. text[(at + 1)..]],
            _ => text,
        };
    }

    private static string RandomDocument(Random random, int depth)
    {
        string space = random.Next(4) == 0 ? "\n " : "";
        switch (random.Next(depth > 0 ? 8 : 5))
        {
            case 0:
                return space + random.Next(3) switch { 0 => "true", 1 => "false", _ => "null" };
            case 1:
                return random.Next(-1000, 1000).ToString() + (random.Next(2) == 0 ? "" : "e-3");
            case 2:
                return (random.NextDouble() * 1000).ToString("R");
            case 3 or 4:
                return space + RandomString(random) + space;
            case 5:
                return "[" + string.Join(",", Enumerable.Range(0, random.Next(4))
                    .Select(_ => RandomDocument(random, depth - 1))) + space + "]";
            default:
                return "{" + string.Join(",", Enumerable.Range(0, random.Next(4)).Select(
                    _ => RandomString(random) + space + ":" + RandomDocument(random, depth - 1)))
                    + "}";
        }
    }

    private static string RandomString(Random random)
    {
        string[] parts = ["a", "\\n", "\\\"", "é", "日", "😀", "\\u00e9", " ", "/", "\\/", "{"];
        return "\"" + string.Concat(Enumerable.Range(0, random.Next(5))
            .Select(_ => parts[random.Next(parts.Length)])) + "\"";
    }
}
