using System.Diagnostics;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

/// <summary>The official JavaScript client against the server.</summary>
[TestFixture]
public sealed class NodeClientTests
{
    [Test]
    public async Task Every_interface_works_with_the_JavaScript_client()
    {
        string modules = Path.Combine(TestServer.Root, "artifacts", "peers", "node_modules");
        if (!Directory.Exists(Path.Combine(modules, "openai")))
        {
            Assert.Ignore("the openai package is not installed; "
                + "remedy: run tests/peers/install.sh");
        }
        await using var server = await TestServer.StartAsync(
            withTools: true, adjust: o => o with { ApiKey = "k" });
        string who = await server.SoloAsync("Who are you?", 16);
        string story = await server.SoloAsync("Tell me a story.", 24);

        var seen = new TestAnswer(200, await RunAsync(modules, server), null!);

        Assert.That(seen.Text("chat", "text"), Is.EqualTo(who));
        Assert.That(seen.Number("chat", "tokens"), Is.EqualTo(16));
        Assert.That(seen.Text("streaming", "text"), Is.EqualTo(story));
        Assert.That(seen.Number("streaming", "tokens"), Is.EqualTo(24));
        Assert.That(seen.Text("tools", "city"), Is.EqualTo("Rome").Or.EqualTo("Oslo"));
        Assert.That(seen.Text("tools", "reason"), Is.EqualTo("tool_calls"));
        Assert.That(seen.At("tools", "answered").GetBoolean(), Is.True);
        Assert.That(seen.Number("schema", "n"), Is.InRange(3, 7));
        Assert.That(seen.Text("errors", "temperature"), Is.EqualTo("BadRequestError 400"));
        Assert.That(seen.Text("errors", "model"), Is.EqualTo("NotFoundError 404"));
        Assert.That(seen.Text("errors", "key"), Is.EqualTo("AuthenticationError 401"));
        Assert.That(seen.Number("cancellation", "chunks"), Is.GreaterThanOrEqualTo(3));
        Assert.That(seen.Text("completion", "text"), Is.Not.Empty);
        Assert.That(seen.Text("responses", "whole"), Is.EqualTo(who));
        Assert.That(seen.Text("responses", "text"), Is.EqualTo(who));
        Assert.That(seen.Text("responses", "status"), Is.EqualTo("incomplete"));
        Assert.That(seen.Text("responses", "last"), Is.EqualTo("response.incomplete"));
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "k");
        await server.BecomeIdleAsync();
    }

    private static async Task<string> RunAsync(string modules, TestServer server)
    {
        // Modules are looked for from the script's own folder upwards.
        string script = Path.Combine(modules, "..", "openai.mjs");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "openai.mjs"), script, overwrite: true);
        var start = new ProcessStartInfo("node")
        {
            ArgumentList =
            {
                script, new Uri(server.Server.Address, "/v1").ToString(), "k",
                TestServer.ModelName,
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(patience.Token);
        Assert.That(process.ExitCode, Is.Zero, await error);
        return await output;
    }
}
