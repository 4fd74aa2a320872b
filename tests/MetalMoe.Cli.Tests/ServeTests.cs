using System.Text.RegularExpressions;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

[TestFixture]
public sealed partial class ServeTests
{
    [Test]
    public async Task It_serves_until_Ctrl_C()
    {
        using var process = MetalMoeProcess.Start(
            "serve", "-m", MetalMoeProcess.Q4Model, "--port", "0", "--parallel", "2",
            "--context", "256", "--threads", "2");
        string line = await process.ReadErrorLineAsync("listening on");
        var address = new Uri(Address().Match(line).Value);
        using var http = new HttpClient { BaseAddress = address };
        using var body = new StringContent(
            """{"prompt":"Once upon","max_tokens":3,"temperature":0}""",
            System.Text.Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync("/v1/completions", body);
        string text = await answer.Content.ReadAsStringAsync();
        process.Interrupt();
        var result = process.Finish();

        Assert.That(address.Host, Is.EqualTo("127.0.0.1"));
        Assert.That((int)answer.StatusCode, Is.EqualTo(200), text);
        Assert.That(text, Does.Contain("\"completion_tokens\":3"));
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Output, Is.Empty);
    }

    [TestCase("--port", "70000", "port")]
    [TestCase("--host", "nowhere", "host")]
    [TestCase("--parallel", "0", "parallel")]
    [TestCase("--timeout", "0", "timeout")]
    [TestCase("--max-body", "-1", "max-body")]
    public void Impossible_options_are_mistakes_of_the_command_line(
        string option, string value, string named)
    {
        var result = MetalMoeProcess.Run("serve", "-m", MetalMoeProcess.Q4Model, option, value);

        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.ErrorLine, Does.Contain(named));
    }

    [GeneratedRegex(@"http://\S+")]
    private static partial Regex Address();
}
