using System.Diagnostics;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

[TestFixture]
public sealed class QueueTests
{
    private const string Chat = "/v1/chat/completions";

    [Test]
    public async Task A_full_queue_refuses_with_a_time_to_come_back()
    {
        await using var server = await TestServer.StartAsync(
            sessions: 1, adjust: o => o with { QueueLength = 1 });
        using var first = await server.Server.Pool.RentAsync([1], default);
        var waiting = server.PostAsync(Chat, TestServer.Question("Second", 2));
        await WaitForAsync(server, "metalmoe_server_waiting_requests 1");

        var refused = await server.PostAsync(Chat, TestServer.Question("Third", 2));
        Assert.That(refused.Error.Status, Is.EqualTo(429));
        Assert.That(refused.Error.Code, Is.EqualTo("queue_full"));
        Assert.That(refused.Headers.RetryAfter!.Delta, Is.GreaterThan(TimeSpan.Zero));

        first.Dispose();
        Assert.That((await waiting).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task Who_waits_longest_is_next()
    {
        await using var server = await TestServer.StartAsync(sessions: 1);
        var pool = server.Server.Pool;
        var lease = await pool.RentAsync([1], default);
        var line = Enumerable.Range(2, 6).Select(
            token => pool.RentAsync([token], default).AsTask()).ToList();
        foreach (var next in line)
        {
            Assert.That(line.Count(task => task.IsCompleted), Is.EqualTo(line.IndexOf(next)));
            lease.Dispose();
            lease = await next;
        }
        lease.Dispose();
        Assert.That((pool.ActiveCount, pool.WaitingCount), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_client_that_leaves_frees_its_session_and_its_place_in_line()
    {
        await using var server = await TestServer.StartAsync(sessions: 1);
        var held = await server.Server.Pool.RentAsync([1], default);
        using var leave = new CancellationTokenSource();
        var waiting = server.PostAsync(Chat, TestServer.Question("Second", 2), leave.Token);
        await WaitForAsync(server, "metalmoe_server_waiting_requests 1");
        await leave.CancelAsync();
        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
        await WaitForAsync(server, "metalmoe_server_waiting_requests 0");

        held.Dispose();
        using (await OpenStreamAsync(server))
        {
            // Leaves after the first bytes.
        }
        await server.BecomeIdleAsync();
        Assert.That((await server.PostAsync(Chat, TestServer.Question("Third", 2))).Status,
            Is.EqualTo(200));
    }

    [Test]
    public async Task A_request_that_takes_too_long_is_ended_and_told_so()
    {
        await using var server = await TestServer.StartAsync(sessions: 1, context: 4096,
            adjust: o => o with { RequestTimeout = TimeSpan.FromMilliseconds(100) });
        // No end token: it would write until the context is full.
        string endless = TestServer.Question("Go on", 4000).Insert(
            1, "\"logit_bias\":{" + string.Join(',', server.Model.Text.Tokenizer.Vocabulary
                .EndOfGenerationIds.Select(id => $"\"{id}\":-100")) + "},");
        var whole = await server.PostAsync(Chat, endless);
        var stream = await server.PostAsync(
            Chat, endless.Replace("\"stream\":false", "\"stream\":true"));

        Assert.That((whole.Error.Status, whole.Error.Code), Is.EqualTo((503, "request_timeout")));
        Assert.That(stream.Body, Does.Not.Contain("[DONE]"));
        Assert.That(TestAnswer.At(stream.Events[^1], "error", "code").GetString(),
            Is.EqualTo("request_timeout"));
        await server.BecomeIdleAsync();
    }

    [Test]
    public async Task Stopping_the_server_ends_what_runs()
    {
        var server = await TestServer.StartAsync(sessions: 1, context: 4096);
        using var running = await OpenStreamAsync(server);
        var watch = Stopwatch.StartNew();
        await server.DisposeAsync();

        TestContext.Out.WriteLine($"server: stopped in {watch.ElapsedMilliseconds} ms");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)));
    }

    [Test]
    public async Task A_long_prompt_does_not_hold_up_a_stream()
    {
        // The scheduler's own tests prove the order; here: neither changes the other's text.
        await using var server = await TestServer.StartAsync(sessions: 2, context: 2048);
        string prompt = string.Concat(Enumerable.Repeat("The wind howled round the house. ", 150));
        string longAlone = await server.AskAsync(prompt, 8);
        string shortAlone = await server.AskAsync("Tell me a story.", 120);

        var both = server.AskAsync("Tell me a story.", 120);
        string beside = await server.AskAsync(prompt + " ", 1);
        Assert.That(await both, Is.EqualTo(shortAlone));
        Assert.That(beside, Is.Not.Null);
        Assert.That(await server.AskAsync(prompt, 8), Is.EqualTo(longAlone));
    }

    /// <summary>A stream that goes on until it is disposed; its first bytes are here.</summary>
    private static async Task<HttpResponseMessage> OpenStreamAsync(TestServer server)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat)
        {
            Content = TestServer.Json(TestServer.Question("Go on", 100_000, stream: true).Insert(
                1, "\"logit_bias\":{" + string.Join(',', server.Model.Text.Tokenizer.Vocabulary
                    .EndOfGenerationIds.Select(id => $"\"{id}\":-100")) + "},")),
        };
        return await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async Task WaitForAsync(TestServer server, string metric)
    {
        for (int i = 0; i < 1200; i++)
        {
            if ((await server.GetAsync("/metrics")).Body.Contains(
                $"\n{metric}\n", StringComparison.Ordinal))
            {
                return;
            }
            await Task.Delay(25);
        }
        throw new TimeoutException($"never saw {metric}");
    }
}
