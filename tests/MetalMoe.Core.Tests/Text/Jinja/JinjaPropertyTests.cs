using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>What must hold for any value, tried on many random ones.</summary>
[TestFixture]
public sealed class JinjaPropertyTests
{
    private const int Rounds = 2000;

    private readonly Random _random = new(4711);

    [Test]
    public void Tojson_writes_json_that_reads_back_as_the_same_value()
    {
        var template = JinjaTemplate.Parse(
            "{{ v | tojson }}\0{{ v | tojson(indent=2) }}\0"
            + "{{ v | tojson(ensure_ascii=true) }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            var node = RandomJson(4);
            using var document = JsonDocument.Parse(node?.ToJsonString() ?? "null");
            var value = JinjaValue.From(document.RootElement);
            string[] texts = template
                .Render(new Dictionary<string, JinjaValue> { ["v"] = value }).Split('\0');
            foreach (string text in texts)
            {
                Assert.That(JsonNode.DeepEquals(JsonNode.Parse(text), node), text);
            }
            Assert.That(Ascii.IsValid(texts[2]), texts[2]);
        }
    }

    [Test]
    public void A_slice_takes_the_elements_that_counting_takes()
    {
        var template = JinjaTemplate.Parse(
            "{{ l[a:b:c] }}\0{{ s[a:b:c] }}\0{{ r[a:b:c] | list }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            int length = _random.Next(7);
            int?[] bounds = [Bound(), Bound(), _random.Next(3) == 0 ? null : Step()];
            string[] letters = [.. Enumerable.Range(0, length).Select(i => i % 2 == 0 ? "é" : "😀")];
            var variables = new Dictionary<string, JinjaValue>
            {
                ["l"] = JinjaValue.From(
                    Enumerable.Range(0, length).Select(i => JinjaValue.From(i))),
                ["s"] = JinjaValue.From(string.Concat(letters)),
                ["a"] = Value(bounds[0]),
                ["b"] = Value(bounds[1]),
                ["c"] = Value(bounds[2]),
            };
            variables["r"] = variables["l"];
            int[] indices = [.. Indices(length, bounds[0], bounds[1], bounds[2] ?? 1)];
            string list = "[" + string.Join(", ", indices) + "]";
            string text = string.Concat(indices.Select(i => letters[i]));
            Assert.That(
                template.Render(variables),
                Is.EqualTo($"{list}\0{text}\0{list}"),
                $"[{bounds[0]}:{bounds[1]}:{bounds[2]}] of {length}");
        }

        int? Bound() => _random.Next(4) == 0 ? null : _random.Next(-9, 10);
        int Step() => _random.Next(1, 4) * (_random.Next(2) * 2 - 1);
        JinjaValue Value(int? number) => number is { } n ? JinjaValue.From(n) : JinjaValue.None;
    }

    /// <summary>Python's definition: walk from the start by steps while inside the bounds.
    /// </summary>
    private static IEnumerable<int> Indices(int length, int? start, int? stop, int step)
    {
        int Clip(int bound, int low, int high) =>
            Math.Clamp(bound < 0 ? bound + length : bound, low, high);
        if (step > 0)
        {
            int end = Clip(stop ?? length, 0, length);
            for (int i = Clip(start ?? 0, 0, length); i < end; i += step)
            {
                yield return i;
            }
            yield break;
        }
        int last = stop is { } given ? Clip(given, -1, length - 1) : -1;
        int begin = start is { } first ? Clip(first, -1, length - 1) : length - 1;
        for (int i = begin; i > last; i += step)
        {
            yield return i;
        }
    }

    [Test]
    public void Splitting_and_joining_are_inverse_and_agree_with_replace()
    {
        var template = JinjaTemplate.Parse(
            "{{ sep.join(s.split(sep)) == s }}{{ sep.join(s.rsplit(sep)) == s }}"
            + "{{ s.replace(sep, '+') == '+'.join(s.split(sep)) }}"
            + "{{ s.count(sep) == s.split(sep) | length - 1 }}"
            + "{{ (sep in s) == (s.find(sep) >= 0) }}"
            + "{{ s.partition(sep) | join == s }}{{ s.split() == s.rsplit() }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            string separator = RandomText("ab ", 1, 3);
            Assert.That(template.Render(Texts(RandomText("aab \n", 0, 20), separator)),
                Is.EqualTo(string.Concat(Enumerable.Repeat("True", 7))));
        }
    }

    [Test]
    public void Long_needles_are_found_where_the_library_finds_them()
    {
        var template = JinjaTemplate.Parse(
            "{{ s.find(sep) }} {{ s.rfind(sep) }} {{ sep in s }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            string needle = RandomText("ab", 33, 40);
            string text = RandomText("ab", 0, 60) + (_random.Next(2) == 0 ? needle : needle[..^1])
                + needle[.._random.Next(needle.Length)] + RandomText("ab", 0, 60);
            int first = text.IndexOf(needle, StringComparison.Ordinal);
            int last = text.LastIndexOf(needle, StringComparison.Ordinal);
            Assert.That(template.Render(Texts(text, needle)),
                Is.EqualTo($"{first} {last} {(first >= 0 ? "True" : "False")}"), text);
        }
    }

    [Test]
    public void Division_and_remainder_fit_together()
    {
        var template = JinjaTemplate.Parse(
            "{{ (a // b) * b + a % b == a }}{{ a % b == 0 or (a % b < 0) == (b < 0) }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            var variables = new Dictionary<string, JinjaValue>
            {
                ["a"] = JinjaValue.From(_random.NextInt64(-1000, 1000)),
                ["b"] = JinjaValue.From(_random.NextInt64(1, 50) * (_random.Next(2) * 2 - 1)),
            };
            Assert.That(template.Render(variables), Is.EqualTo("TrueTrue"));
        }
    }

    [Test]
    public void A_float_prints_in_digits_that_read_back_as_itself()
    {
        var template = JinjaTemplate.Parse("{{ v }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            double value = BitConverter.Int64BitsToDouble(_random.NextInt64());
            string text = template.Render(
                new Dictionary<string, JinjaValue> { ["v"] = JinjaValue.From(value) });
            if (double.IsFinite(value))
            {
                Assert.That(
                    double.Parse(text, CultureInfo.InvariantCulture), Is.EqualTo(value), text);
            }
            Assert.That(text, Does.Match(@"^-?(nan|inf|\d+\.\d+|\d(\.\d+)?e[+-]\d\d+)$"));
        }
    }

    [Test]
    public void Rounding_to_decimals_gives_the_nearest_one()
    {
        var template = JinjaTemplate.Parse("{{ v | round(2) }} {{ '%.2f' % v }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            double value = Math.Round(_random.NextDouble() * 200 - 100, 3);
            // The exact binary value in units of 1e-60, so that no rounding of ours is involved.
            var scaled = new BigInteger(value * (1L << 45)) * BigInteger.Pow(10, 30) / (1L << 45);
            string[] texts = template.Render(
                new Dictionary<string, JinjaValue> { ["v"] = JinjaValue.From(value) }).Split(' ');
            foreach (string text in texts)
            {
                double cents = double.Parse(text, CultureInfo.InvariantCulture) * 100;
                var distance = BigInteger.Abs(
                    new BigInteger(Math.Round(cents)) * BigInteger.Pow(10, 28) - scaled);
                var limit = 5 * BigInteger.Pow(10, 27) + BigInteger.Pow(10, 17);
                Assert.That(distance, Is.LessThanOrEqualTo(limit), $"{value:R} gives {text}");
            }
        }
    }

    [Test]
    public void Sorting_is_stable_and_in_order()
    {
        var template = JinjaTemplate.Parse(
            "{{ l | sort(attribute='0') | map(attribute='1') | join(',') }}", "t");
        for (int round = 0; round < 300; round++)
        {
            int[] keys = [.. Enumerable.Range(0, _random.Next(40)).Select(_ => _random.Next(8))];
            var pairs = keys.Select((key, index) => JinjaValue.From(
                [JinjaValue.From(key), JinjaValue.From(index)]));
            string expected = string.Join(
                ',', keys.Index().OrderBy(k => k.Item).Select(k => k.Index));
            Assert.That(template.Render(new Dictionary<string, JinjaValue>
            {
                ["l"] = JinjaValue.From(pairs),
            }), Is.EqualTo(expected));
        }
    }

    [Test]
    public void Text_without_tags_renders_as_itself_and_code_points_add_up()
    {
        var template = JinjaTemplate.Parse(
            "{% for i in range(s | length) %}{{ s[i] }}{% endfor %}\0"
            + "{% for c in s %}{{ c }}{% endfor %}"
            + "\0{{ s | list | join }}\0{{ s[::-1][::-1] }}", "t");
        for (int round = 0; round < Rounds; round++)
        {
            string text = RandomText("a{é} #%\n", 0, 12) + (_random.Next(2) == 0 ? "😀é" : "");
            Assert.That(template.Render(Texts(text, "")),
                Is.EqualTo($"{text}\0{text}\0{text}\0{text}"));
            string plain = text.Replace("{", "") + ".";
            Assert.That(JinjaRunner.Render(plain), Is.EqualTo(plain));
        }
    }

    private static Dictionary<string, JinjaValue> Texts(string text, string separator) => new()
    {
        ["s"] = JinjaValue.From(text),
        ["sep"] = JinjaValue.From(separator),
    };

    private string RandomText(string letters, int shortest, int longest)
    {
        int length = _random.Next(shortest, longest + 1);
        return string.Concat(
            Enumerable.Range(0, length).Select(_ => letters[_random.Next(letters.Length)]));
    }

    private JsonNode? RandomJson(int depth)
    {
        int kind = _random.Next(depth == 0 ? 6 : 8);
        return kind switch
        {
            0 => null,
            1 => JsonValue.Create(_random.Next(2) == 0),
            2 => JsonValue.Create(_random.NextInt64()),
            3 => JsonValue.Create(_random.NextDouble() * 1e9),
            4 or 5 => JsonValue.Create(RandomText("a\"\\\n\té\u0001<&'/", 0, 8) + "😀"),
            6 => new JsonArray(
                [.. Enumerable.Range(0, _random.Next(4)).Select(_ => RandomJson(depth - 1))]),
            _ => new JsonObject(Enumerable.Range(0, _random.Next(4)).Select(
                i => KeyValuePair.Create($"k{i}é", RandomJson(depth - 1)))),
        };
    }
}
