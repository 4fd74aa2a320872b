using System.Text;
using MetalMoe.Engine;
using NUnit.Framework;

namespace MetalMoe.Tests.Engine;

[TestFixture]
public sealed class StopStringFilterTests
{
    [Test]
    public void A_text_comes_out_up_to_the_first_stop_string_however_it_is_cut()
    {
        var random = new Random(4);
        int stopped = 0;
        for (int i = 0; i < 5_000; i++)
        {
            // Two letters, so that stop strings and their beginnings are everywhere.
            string text = RandomText(random, random.Next(40));
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4))
                .Select(_ => RandomText(random, random.Next(1, 6)))];
            int[] found = [.. stops.Select(s => text.IndexOf(s, StringComparison.Ordinal))
                .Where(at => at >= 0)];

            var (output, isStopped) = Feed(text, stops, () => 1);

            string expected = found.Length > 0 ? FirstToComplete(text, stops) : text;
            Assert.That(output, Is.EqualTo(expected), $"{text} / {string.Join(',', stops)}");
            Assert.That(isStopped, Is.EqualTo(found.Length > 0));
            // In pieces of any length what comes out is a beginning of the text without a stop
            // string in it, and all of the text when there is none.
            var (cut, isCut) = Feed(text, stops, () => random.Next(1, 6));
            Assert.That(text, Does.StartWith(cut));
            Assert.That(stops.Any(stop => cut.Contains(stop, StringComparison.Ordinal)), Is.False);
            Assert.That(isCut, Is.EqualTo(isStopped));
            Assert.That(isCut || cut == text);
            stopped += isStopped ? 1 : 0;
        }
        TestContext.Out.WriteLine($"stop strings: 5000 texts, {stopped} stopped");
    }

    [Test]
    public void Text_that_cannot_become_a_stop_string_comes_out_at_once()
    {
        var filter = new StopStringFilter(["</end>"]);

        Assert.That(filter.Append("a < b"), Is.EqualTo("a < b"));
        Assert.That(filter.Append("x<"), Is.EqualTo("x"));
        Assert.That(filter.Append("/en"), Is.EqualTo(""));
        Assert.That(filter.Append("vy"), Is.EqualTo("</envy"));
        Assert.That(filter.Append("</en"), Is.EqualTo(""));
        Assert.That(filter.Flush(), Is.EqualTo("</en"));
    }

    // The stream stops when a stop string is complete; of those complete by then, the one that
    // begins first cuts. Letter by letter this is the earliest end.
    private static string FirstToComplete(string text, string[] stops)
    {
        for (int end = 1; end <= text.Length; end++)
        {
            string head = text[..end];
            string[] complete = [.. stops.Where(s => head.EndsWith(s, StringComparison.Ordinal))];
            if (complete.Length > 0)
            {
                return head[..^complete.Max(s => s.Length)];
            }
        }
        return text;
    }

    private static (string Output, bool IsStopped) Feed(
        string text, string[] stops, Func<int> pieceLength)
    {
        var filter = new StopStringFilter(stops);
        var output = new StringBuilder();
        for (int at = 0; at < text.Length;)
        {
            int length = Math.Min(pieceLength(), text.Length - at);
            output.Append(filter.Append(text.Substring(at, length)));
            at += length;
        }
        output.Append(filter.Flush());
        return (output.ToString(), filter.IsStopped);
    }

    [Test]
    public void Of_two_stop_strings_in_one_piece_the_earlier_one_cuts()
    {
        var filter = new StopStringFilter(["four", "two"]);

        Assert.That(filter.Append("one two three four"), Is.EqualTo("one "));
        Assert.That(filter.IsStopped);
        Assert.That(filter.Append("five") + filter.Flush(), Is.Empty);
    }

    private static string RandomText(Random random, int length) =>
        string.Concat(Enumerable.Range(0, length).Select(_ => random.Next(2) == 0 ? 'a' : 'b'));
}
