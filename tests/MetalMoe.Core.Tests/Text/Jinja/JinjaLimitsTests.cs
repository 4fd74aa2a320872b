using System.Diagnostics;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>Hostile templates end soon, in an error that says which bound they hit.</summary>
[TestFixture]
public sealed class JinjaLimitsTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    private static IEnumerable<TestCaseData> Hostile()
    {
        string Nested(string open, string inner, string close, int depth) =>
            string.Concat(Enumerable.Repeat(open, depth)) + inner
            + string.Concat(Enumerable.Repeat(close, depth));
        const string Loops = "{% for a in range(99999) %}{% for b in range(99999) %}"
            + "{% endfor %}{% endfor %}";
        const string Growing = "{% set ns = namespace(s='x') %}{% for i in range(99999) %}"
            + "{% set ns.s = ns.s ~ ns.s %}{% endfor %}";
        (string Name, string Template)[] templates =
        [
            ("nested ranges", Loops),
            ("huge range", "{{ range(10 ** 15) | list }}"),
            ("huge string", "{{ 'abc' * 10 ** 12 }}"),
            ("huge list", "{{ [0] * 10 ** 9 }}"),
            ("doubling string", Growing),
            ("doubling list", Growing.Replace("'x'", "[1]").Replace("~", "+")),
            ("power tower", "{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}"),
            ("huge integer", "{{ (10 ** 1000) * (10 ** 1000) }}"),
            ("wide format", "{{ '%999999999d' % 1 }}"),
            ("wide field", "{{ '{:>999999999}'.format(1) }}"),
            ("centre", "{{ 'x'.center(2 ** 31) }}"),
            ("endless macro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
            ("endless caller", "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}"
                + "{% endmacro %}{% call m() %}{% endcall %}"),
            ("endless loop call",
                "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
            ("deep parentheses", "{{ " + Nested("(", "1", ")", 200_000) + " }}"),
            ("deep lists", "{{ " + Nested("[", "1", "]", 200_000) + " }}"),
            ("deep not", "{{ " + Nested("not ", "1", "", 200_000) + " }}"),
            ("deep minus", "{{ 0 -" + Nested(" -", "1", "", 200_000) + " }}"),
            ("deep blocks", Nested("{% if 1 %}", "x", "{% endif %}", 40_000)),
            ("long sum", "{{ 1" + Nested("+1", "", "", 200_000) + " }}"),
            ("long path", "{{ x" + Nested("[0]", "", "", 200_000) + " }}"),
            ("long filters", "{{ 1" + Nested("|e", "", "", 200_000) + " }}"),
            ("deep data", "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}"
                + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}"),
            ("shared data", "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}"
                + "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}"),
            ("shared data as json", "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}"
                + "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}"),
            ("shared data compared", "{% set n = namespace(l=[1], m=[1]) %}{% for i in range(60) %}"
                + "{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}"
                + "{{ n.l == n.m }}"),
            ("shared keys", "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}"
                + "{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}"),
            ("namespaces in a chain", "{% set ns = namespace() %}{% for i in range(99999) %}"
                + "{% set inner = namespace(next=ns.last) %}{% set ns.last = inner %}"
                + "{% endfor %}{{ ns }}"),
            ("much output", "{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}"),
            ("much replaced", "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}"),
            ("replace of nothing", "{{ ('a' * 100000) | replace('', 'b' * 100000) }}"),
            ("much joined", "{{ range(99999) | join('x' * 99999) }}"),
            ("slow search", "{% set a = 'a' * 4000000 %}{% for i in range(99999) %}"
                + "{{ 'x' if 'a' * 200 ~ 'b' in a }}{% endfor %}"),
            ("wide indent", "{{ ('a\n' * 99999) | indent(9999) }}"),
            ("deep json indent", "{% set ns = namespace(l=[1]) %}{% for i in range(900) %}"
                + "{% set ns.l = [ns.l, 1] %}{% endfor %}{{ ns.l | tojson(indent=999) * 99 }}"),
            ("sorting", "{% for i in range(99999) %}{% set _ = range(99999) | sort %}{% endfor %}"),
            ("batches", "{{ [1] | batch(10 ** 9, 0) | list }}"),
            ("slices", "{{ [1] | slice(10 ** 9) | list }}"),
        ];
        return templates.Select(t => new TestCaseData(t.Template).SetArgDisplayNames(t.Name));
    }

    [TestCaseSource(nameof(Hostile))]
    public void A_hostile_template_ends_soon(string template)
    {
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<JinjaException>(() => JinjaRunner.Render(template));
        TestContext.Out.WriteLine($"{watch.ElapsedMilliseconds} ms: {error!.Message}");
        Assert.That(error.Kind, Is.EqualTo(JinjaErrorKind.Limit), error.Message);
        Assert.That(watch.Elapsed, Is.LessThan(_patience));
    }

    [Test]
    public void A_hostile_template_ends_soon_on_a_small_stack_too()
    {
        Exception? caught = null;
        var thread = new Thread(
            () => caught = Assert.Catch(() => JinjaRunner.Render(
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                limits: new JinjaLimits { MaxDepth = int.MaxValue })),
            maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        Assert.That(caught, Is.TypeOf<JinjaException>());
    }

    [Test]
    public void Each_limit_can_be_set()
    {
        (JinjaLimits Limits, string Template, string Fits)[] cases =
        [
            (new JinjaLimits { MaxSteps = 100 },
                "{% for i in range(200) %}{{ i }}{% endfor %}",
                "{% for i in range(9) %}{% endfor %}"),
            (new JinjaLimits { MaxOutputLength = 10 }, "12345678901", "1234567890"),
            (new JinjaLimits { MaxRange = 10 }, "{{ range(11) }}", "{{ range(10) }}"),
            (new JinjaLimits { MaxIntegerBits = 8 }, "{{ 255 + 1 }}", "{{ 254 + 1 }}"),
            (new JinjaLimits { MaxDepth = 20 },
                "{{ ((((((((((((((((((((((1)))))))))))))))))))))) }}", "{{ ((1)) }}"),
            (new JinjaLimits { MaxAllocatedBytes = 1000 }, "{{ 'a' * 600 }}", "{{ 'a' * 100 }}"),
        ];
        foreach (var (limits, template, fits) in cases)
        {
            var error = Assert.Throws<JinjaException>(
                () => JinjaRunner.Render(template, limits: limits), template);
            Assert.That(error!.Kind, Is.EqualTo(JinjaErrorKind.Limit), error.Message);
            Assert.DoesNotThrow(() => JinjaRunner.Render(fits, limits: limits), fits);
        }
    }

    [Test]
    public void Data_nested_too_deeply_is_refused_before_rendering()
    {
        var value = JinjaValue.None;
        for (int i = 0; i < 2000; i++)
        {
            value = JinjaValue.From([value]);
        }
        var variables = new Dictionary<string, JinjaValue> { ["deep"] = value };
        var error = Assert.Throws<JinjaException>(() => JinjaRunner.Render("x", variables));
        Assert.That(error!.Kind, Is.EqualTo(JinjaErrorKind.Limit));
    }

    [Test]
    public void Cancellation_ends_a_rendering()
    {
        using var source = new CancellationTokenSource();
        var endless = new JinjaLimits { MaxSteps = long.MaxValue };
        source.CancelAfter(50);
        Assert.Throws<OperationCanceledException>(() => JinjaRunner.Render(
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            limits: endless,
            cancellation: source.Token));
    }

    [Test]
    public void A_source_of_more_than_a_megabyte_is_refused()
    {
        var error = Assert.Throws<JinjaException>(() => JinjaTemplate.Parse(
            new string('x', JinjaTemplate.MaxSourceLength + 1), "big"));
        Assert.That(error!.Kind, Is.EqualTo(JinjaErrorKind.Limit));
    }

    [Test]
    public void A_megabyte_of_conversation_is_well_within_the_limits()
    {
        const string Template = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}"
            + "{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}{% endif %}"
            + "{{ m.content | replace('a', 'b') }}{% endfor %}";
        var messages = Enumerable.Range(0, 1000).Select(_ => JinjaValue.From(
        [
            KeyValuePair.Create("role", JinjaValue.From("user")),
            KeyValuePair.Create("content", JinjaValue.From(new string('a', 1000))),
        ]));
        var variables = new Dictionary<string, JinjaValue>
        {
            ["messages"] = JinjaValue.From(messages),
        };
        Assert.That(JinjaRunner.Render(Template, variables), Has.Length.EqualTo(2_006_000));
    }
}
