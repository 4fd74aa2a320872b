using System.Diagnostics;
using System.Text;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

/// <summary>Texts that make a careless tokenizer quadratic: a megabyte would take it hours.
/// </summary>
public sealed class LongTextTests
{
    private static readonly (string, string)[] Merges =
    [
        ("a", "a"), ("aa", "aa"), ("aaaa", "aaaa"), (" ", " "), ("  ", "  "), ("\n", "\n"),
        ("\u00CC", "\u0081"),
    ];

    [TestCase("a")]
    [TestCase(" ")]
    [TestCase("\t")]
    [TestCase("\n")]
    [TestCase(" \n")]
    [TestCase("\u0301")]
    [TestCase("1")]
    [TestCase("!")]
    [TestCase("'")]
    [TestCase("<")]
    [TestCase("<t")]
    [TestCase("<t><t")]
    [TestCase("ab\u200D")]
    public void A_megabyte_of_one_thing_takes_seconds_and_comes_back(string unit)
    {
        string[] families = ["qwen35", "qwen2", "gpt-2", "dbrx"];
        var text = new StringBuilder();
        while (text.Length < 1 << 20)
        {
            text.Append(unit);
        }
        string input = text.ToString();
        foreach (string family in families)
        {
            var tokenizer = SmallVocabulary.Build(
                Merges, [("<t>", TokenKind.UserDefined), ("<t><t><", TokenKind.Control)], family);
            var watch = Stopwatch.StartNew();
            int[] tokens = tokenizer.Encode(input, parseSpecial: true);
            Assert.That(watch.Elapsed.TotalSeconds, Is.LessThan(20), family);
            Assert.That(tokenizer.Decode(tokens) == input, Is.True, family);
        }
    }

    [Test]
    public void A_megabyte_of_broken_bytes_takes_seconds()
    {
        byte[] broken = new byte[1 << 20];
        Array.Fill(broken, (byte)0xE2);
        var tokenizer = SmallVocabulary.Build(Merges);
        var tokens = new List<int>();
        var watch = Stopwatch.StartNew();
        tokenizer.Encode(broken, tokens);
        Assert.That(watch.Elapsed.TotalSeconds, Is.LessThan(20));
        Assert.That(tokens, Has.Count.EqualTo(3 << 20));
    }
}
