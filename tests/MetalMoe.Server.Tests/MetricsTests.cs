using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using MetalMoe.Server.Telemetry;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

[TestFixture]
public sealed partial class MetricsTests
{
    [Test]
    public async Task Requests_and_tokens_are_counted_in_valid_Prometheus_text()
    {
        await using var server = await TestServer.StartAsync();
        await server.AskAsync("Hello", 7);
        await server.PostAsync("/v1/chat/completions", "{");
        string text = (await server.GetAsync("/metrics")).Body;

        Assert.That(text, Does.Contain("metalmoe_server_requests_total{http_route="
            + "\"/v1/chat/completions\",http_response_status_code=\"400\"} 1\n"));
        Assert.That(text, Does.Contain("metalmoe_server_tokens_total{kind=\"generated\","
            + "gen_ai_request_model=\"tiny\"} 7\n"));
        Assert.That(text, Does.Contain("# TYPE metalmoe_server_time_to_first_token_seconds "
            + "histogram\n"));
        foreach (string line in text.TrimEnd('\n').Split('\n'))
        {
            Assert.That(Line().IsMatch(line), Is.True, line);
        }
        Assert.That(text, Does.Not.Contain("Hello"));
    }

    [Test]
    public void All_kinds_of_instruments_are_exported()
    {
        using var meter = new Meter("MetalMoe.MetricsTests");
        using var exporter = new PrometheusExporter(m => ReferenceEquals(m, meter));
        var counter = meter.CreateCounter<int>("a.count", null, "Counts");
        var upDown = meter.CreateUpDownCounter<long>("a.level", "By");
        var gauge = meter.CreateGauge<double>("a.gauge");
        meter.CreateObservableCounter("a.observed", () => 5L);
        var histogram = meter.CreateHistogram("a.time", "s", null, null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2] });
        counter.Add(2, new KeyValuePair<string, object?>("who", "a\"b\\c\nd"));
        counter.Add(3, new KeyValuePair<string, object?>("who", "a\"b\\c\nd"));
        upDown.Add(7);
        upDown.Add(-3);
        gauge.Record(1.5);
        gauge.Record(0.25);
        foreach (double value in (double[])[0.5, 1, 1.5, 9])
        {
            histogram.Record(value);
        }
        exporter.Collect();

        Assert.That(Encoding.UTF8.GetString(exporter.Collect()), Is.EqualTo("""
            # HELP a_count_total Counts
            # TYPE a_count_total counter
            a_count_total{who="a\"b\\c\nd"} 5
            # HELP a_gauge a.gauge
            # TYPE a_gauge gauge
            a_gauge 0.25
            # HELP a_level_bytes a.level
            # TYPE a_level_bytes gauge
            a_level_bytes 4
            # HELP a_observed_total a.observed
            # TYPE a_observed_total counter
            a_observed_total 5
            # HELP a_time_seconds a.time
            # TYPE a_time_seconds histogram
            a_time_seconds_bucket{le="1"} 2
            a_time_seconds_bucket{le="2"} 3
            a_time_seconds_bucket{le="+Inf"} 4
            a_time_seconds_sum 12
            a_time_seconds_count 4

            """));
    }

    [Test]
    public async Task Where_a_collector_is_named_it_is_sent_to()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        int port = ((IPEndPoint)collector.LocalEndpoint).Port;
        var called = collector.AcceptTcpClientAsync();
        var server = await TestServer.StartAsync(adjust: o => o with
        {
            OtlpEndpoint = new Uri(string.Create(
                CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")),
        });
        await server.AskAsync("Hello", 2);
        // What is left is sent when the server stops.
        var stopping = server.DisposeAsync();
        using var client = await called.WaitAsync(TimeSpan.FromMinutes(1));
        byte[] first = new byte[4];
        await client.GetStream().ReadExactlyAsync(first);
        client.Close();
        await stopping;

        // HTTP/2, which OTLP's default protocol runs over, or a plain POST.
        Assert.That(Encoding.ASCII.GetString(first), Is.EqualTo("PRI ").Or.EqualTo("POST"));
    }

    [GeneratedRegex("""
        ^(# (HELP|TYPE) \w+ .+|[a-zA-Z_]\w*(\{(\w+="([^"\\\n]|\\.)*",?)+\})? [0-9.eE+\-]+)$
        """)]
    private static partial Regex Line();
}
