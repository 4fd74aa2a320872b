using System.Diagnostics;
using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

/// <summary>Many clients at once. How fast they are served is printed; only what they get is
/// asserted.</summary>
[TestFixture]
[NonParallelizable]
public sealed class LoadTests
{
    private const int Clients = 64;
    private const int Tokens = 24;

    private static readonly string[] Questions =
        [.. Enumerable.Range(1, 12).Select(i => $"Tell me story number {i}, of "
            + string.Join(" and ", Enumerable.Repeat("the sea", i)) + ".")];

    /// <summary>As with the fuzz tests: ten times as much under <c>build.sh check</c>.</summary>
    private static int Factor { get; } = int.TryParse(
        Environment.GetEnvironmentVariable("METALMOE_FUZZ_FACTOR"), CultureInfo.InvariantCulture,
        out int factor) && factor > 1 ? factor : 1;

    [Test]
    public async Task Each_of_64_clients_gets_what_it_would_get_alone_and_nothing_leaks()
    {
        await using var server = await TestServer.StartAsync(sessions: 32, context: 256);
        var expected = new Dictionary<string, string>();
        foreach (string question in Questions)
        {
            expected[question] = await server.SoloAsync(question, Tokens);
        }
        await RunAsync(server, Clients, TimeSpan.FromSeconds(2), expected);
        await server.BecomeIdleAsync();
        var (handles, bytes) = Held();

        var times = await RunAsync(
            server, Clients, TimeSpan.FromSeconds(Factor > 1 ? 120 : 8), expected);
        await server.BecomeIdleAsync();
        var (handlesAfter, bytesAfter) = Held();

        times.Sort();
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"load: {times.Count} streams of {Clients} clients, time to first token "
            + $"p50 {times[times.Count / 2]:f0} ms, p99 {times[times.Count * 99 / 100]:f0} ms; "
            + $"handles {handles} -> {handlesAfter}, "
            + $"managed memory {bytes >> 20} -> {bytesAfter >> 20} MiB"));
        Assert.That(times, Has.Count.GreaterThanOrEqualTo(Clients));
        // Connections are kept open, so the first round has opened all there will be.
        Assert.That(handlesAfter, Is.LessThan(handles + 32));
        Assert.That(bytesAfter, Is.LessThan(bytes + (32 << 20)));
    }

    [Test]
    public async Task Batching_is_measured()
    {
        await using var server = await TestServer.StartAsync(sessions: 8, context: 256);
        var expected = new Dictionary<string, string>();
        foreach (string question in Questions)
        {
            expected[question] = await server.AskAsync(question, Tokens);
        }
        var span = TimeSpan.FromSeconds(2);
        int one = (await RunAsync(server, 1, span, expected)).Count;
        int eight = (await RunAsync(server, 8, span, expected)).Count;

        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"load: answers in {span.TotalSeconds:f0} s: 1 client {one}, 8 clients {eight} "
            + $"({(double)eight / one:f2} x)"));
        Assert.That((one, eight), Is.GreaterThan((0, 0)));
    }

    /// <summary>Clients that ask and compare until the time is over; each at least once.</summary>
    /// <returns>Milliseconds to the first token of every stream.</returns>
    private static async Task<List<double>> RunAsync(
        TestServer server, int clients, TimeSpan span, Dictionary<string, string> expected)
    {
        var watch = Stopwatch.StartNew();
        var results = await Task.WhenAll(Enumerable.Range(0, clients).Select(async client =>
        {
            var times = new List<double>();
            for (int i = 0; i == 0 || watch.Elapsed < span; i++)
            {
                string question = Questions[(client + i) % Questions.Length];
                times.Add(await StreamAsync(server, question, expected[question]));
            }
            return times;
        }));
        return [.. results.SelectMany(times => times)];
    }

    private static async Task<double> StreamAsync(
        TestServer server, string question, string expected)
    {
        long start = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = TestServer.Json(TestServer.Question(question, Tokens, stream: true)),
        };
        using var response = await server.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead);
        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var body = new StringBuilder();
        double first = 0;
        while (await reader.ReadLineAsync() is { } line)
        {
            body.Append(line).Append('\n');
            if (first == 0 && line.Contains("\"delta\":{\"content\"", StringComparison.Ordinal))
            {
                first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }
        string text = body.ToString();
        var answer = new TestAnswer(200, text, response.Headers);
        Assert.That(text, Does.EndWith("data: [DONE]\n\n"));
        Assert.That(answer.Streamed("content"), Is.EqualTo(expected));
        return first;
    }

    private static (int Handles, long Bytes) Held()
    {
        int handles = Directory.Exists("/proc/self/fd")
            ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;
        return (handles, GC.GetTotalMemory(forceFullCollection: true));
    }
}
