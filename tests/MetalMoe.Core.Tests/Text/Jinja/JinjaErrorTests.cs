using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>Errors name the template, the line, the column and what was wrong.</summary>
[TestFixture]
public sealed class JinjaErrorTests
{
    [TestCase("a\n{{ x.y.z }}", 2, 7, "has no attribute 'y'")]
    [TestCase("{{ missing.name }}", 1, 11, "'missing' is undefined")]
    [TestCase("\n\n  {{ 'a' + 1 }}", 3, 10, "unsupported operand type(s) for +: 'str' and 'int'")]
    [TestCase("{{ [] | join(1, 2, 3) }}", 1, 9, "takes at most 2 arguments, got 3")]
    [TestCase("{{ nothing() }}", 1, 11, "'nothing' is undefined")]
    [TestCase("{% for a, b in [[1]] %}{% endfor %}", 1, 8, "expected 2, got 1")]
    [TestCase("{{ {}.pop('a') }}", 1, 10, "refused: a template cannot change its data")]
    [TestCase("{% set x.y = 1 %}", 1, 8, "cannot assign attribute on non-namespace object")]
    public void A_runtime_error_points_at_its_cause(
        string template, int line, int column, string problem)
    {
        Check(template, JinjaErrorKind.Runtime, line, column, problem);
    }

    [TestCase("{{ a", 1, 1, "this {{ is open")]
    [TestCase("ok\n {% if a %}", 2, 12, "expected elif or else or endif")]
    [TestCase("{{ a b }}", 1, 6, "expected end of print statement, got 'b'")]
    [TestCase("{{ a | nofilter }}", 1, 8, "no filter named 'nofilter'")]
    [TestCase("{{ a is notest }}", 1, 9, "no test named 'notest'")]
    [TestCase("{% frobnicate %}", 1, 1, "unknown tag 'frobnicate'")]
    [TestCase("{% endif %}", 1, 1, "unknown tag 'endif'")]
    [TestCase("{{ 'abc }}", 1, 4, "string without its closing quote")]
    [TestCase("{# never closed", 1, 1, "missing end of comment tag")]
    [TestCase("{% raw %}x", 1, 1, "missing end of raw directive")]
    [TestCase("{{ (1 }}", 1, 7, "unexpected '}'")]
    [TestCase("{% break %}", 1, 1, "'break' outside of a loop")]
    [TestCase("{% include 'x' %}", 1, 1, "needs other templates")]
    public void A_syntax_error_points_at_its_cause(
        string template, int line, int column, string problem)
    {
        Check(template, JinjaErrorKind.Syntax, line, column, problem);
    }

    [Test]
    public void An_exception_of_the_template_carries_its_words()
    {
        var error = Assert.Throws<JinjaException>(() => JinjaRunner.Render(
            "{% if true %}\n  {{ raise_exception('no\\nsystem role') }}{% endif %}"));
        Assert.Multiple(() =>
        {
            Assert.That(error!.Kind, Is.EqualTo(JinjaErrorKind.Raised));
            Assert.That(error.Problem, Is.EqualTo("no\nsystem role"));
            Assert.That((error.Line, error.Column), Is.EqualTo((2, 21)));
            Assert.That(error.Template, Is.EqualTo("test"));
            Assert.That(
                error.Message,
                Is.EqualTo("[jinja] test: no system role (line 2, column 21)"));
        });
    }

    private static void Check(
        string template, JinjaErrorKind kind, int line, int column, string problem)
    {
        var error = Assert.Throws<JinjaException>(
            () => JinjaRunner.Render(template, "{\"x\": {}}"));
        Assert.Multiple(() =>
        {
            Assert.That(error!.Kind, Is.EqualTo(kind), error.Message);
            Assert.That(error.Message, Does.Contain(problem));
            Assert.That((error.Line, error.Column), Is.EqualTo((line, column)), error.Message);
        });
    }
}
