using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using MetalMoe.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace MetalMoe.Tests.Chat;

[TestFixture]
[NonParallelizable]
public sealed class ChatTelemetryTests
{
    private const string Secret = "The password is swordfish.";

    [Test]
    public async Task A_request_leaves_the_metrics_of_the_conventions()
    {
        var seen = new ConcurrentBag<(string Name, double Value, string Tags)>();
        using var listener = Listen(seen);
        await using (var model = await ChatFixture.LoadAsync())
        {
            using var client = ChatFixture.Client(model);
            var options = ChatFixture.Exactly(9);
            await client.GetResponseAsync([ChatFixture.User(Secret)], options);
            await client.GetResponseAsync([ChatFixture.User(Secret)], options);
            Assert.That(
                () => client.GetResponseAsync([ChatFixture.User("x")], new() { TopP = 7 }),
                Throws.Exception);
            listener.RecordObservableInstruments();
        }
        int before = seen.Count;
        listener.RecordObservableInstruments();
        Assert.That(seen, Has.Count.EqualTo(before), "a model that is gone holds nothing");
        double Sum(string name, string tag = "") => seen
            .Where(m => m.Name == name && m.Tags.Contains(tag, StringComparison.Ordinal))
            .Sum(m => m.Value);
        int Count(string name, string tag = "") => seen
            .Count(m => m.Name == name && m.Tags.Contains(tag, StringComparison.Ordinal));

        Assert.That(Sum("gen_ai.client.token.usage", "gen_ai.token.type=output"), Is.EqualTo(18));
        Assert.That(Sum("gen_ai.client.token.usage", "gen_ai.token.type=input"), Is.Positive);
        Assert.That(Count("gen_ai.client.operation.duration"), Is.EqualTo(3));
        Assert.That(Count("gen_ai.client.operation.duration", "error.type=MetalMoe.Core"),
            Is.EqualTo(1));
        Assert.That(Count("gen_ai.server.request.duration", "gen_ai.operation.name=chat"),
            Is.EqualTo(2));
        Assert.That(Count("gen_ai.server.time_to_first_token"), Is.EqualTo(2));
        Assert.That(Count("gen_ai.server.time_per_output_token"), Is.EqualTo(2));
        Assert.That(Sum("metalmoe.cached_tokens"), Is.Positive);
        Assert.That(Sum("metalmoe.device.time"), Is.Positive);
        Assert.That(Sum("metalmoe.device.tokens"), Is.GreaterThan(18));
        Assert.That(Sum("metalmoe.memory", "metalmoe.memory.kind=weights"),
            Is.EqualTo(new FileInfo(TinyModel.Path).Length));
        Assert.That(Sum("metalmoe.memory", "metalmoe.memory.kind=cache"), Is.Positive);
        Assert.That(seen.Select(m => m.Tags), Has.None.Contains("swordfish"));
    }

    [Test]
    public async Task A_request_is_a_span_with_what_was_asked_and_what_it_took()
    {
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MetalMoeTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        await using var model = await ChatFixture.LoadAsync();
        using var client = ChatFixture.Client(model);
        var options = ChatFixture.Exactly(4);
        (options.TopK, options.Seed) = (3, -2);
        await client.GetResponseAsync([ChatFixture.User(Secret)], options);
        Assert.That(() => client.GetResponseAsync([], null), Throws.Exception);

        var good = spans.Single(s => s.Status != ActivityStatusCode.Error);
        var bad = spans.Single(s => s.Status == ActivityStatusCode.Error);
        Assert.That(good.DisplayName, Is.EqualTo($"chat {model.Name}"));
        Assert.That(good.GetTagItem("gen_ai.request.top_k"), Is.EqualTo(3));
        Assert.That(good.GetTagItem("gen_ai.request.seed"), Is.EqualTo(-2L));
        Assert.That(good.GetTagItem("gen_ai.request.max_tokens"), Is.EqualTo(4));
        Assert.That(good.GetTagItem("gen_ai.usage.output_tokens"), Is.EqualTo(4L));
        Assert.That(good.GetTagItem("gen_ai.response.finish_reasons"),
            Is.EqualTo((string[])["length"]));
        Assert.That(bad.GetTagItem("error.type"), Is.EqualTo("MetalMoe.Core.MetalMoeException"));
        Assert.That(good.TagObjects.Select(t => $"{t.Value}"), Has.None.Contains("swordfish"));
    }

    [Test]
    public async Task Conversations_are_logged_only_when_that_is_asked_for()
    {
        await using var model = await ChatFixture.LoadAsync();
        var options = ChatFixture.Script("Swordfish, I see.");
        var silent = new ListLogger<MetalMoeChatClient>();
        var open = new ListLogger<MetalMoeChatClient>();
        using (var client = ChatFixture.Client(model, silent))
        {
            await client.GetResponseAsync([ChatFixture.User(Secret)], options);
        }
        using (var client = new MetalMoeChatClient(model, new() { LogContent = true }, open))
        {
            await client.GetResponseAsync([ChatFixture.User(Secret)], options);
        }

        Assert.That(silent.Entries.Select(e => e.Id.Id), Is.EqualTo((int[])[100, 101]));
        Assert.That(silent.Entries.Select(e => e.Text),
            Has.None.Contains("swordfish").And.None.Contains("Swordfish"));
        Assert.That(open.Entries.Select(e => e.Id.Id),
            Is.EqualTo((int[])[110, 100, 111, 101]));
        Assert.That(open.Entries[0].Text, Does.Contain(Secret));
        Assert.That(open.Entries[2].Text, Does.Contain("Swordfish"));
        Assert.That(open.Entries.Where(e => e.Id.Id is 110 or 111),
            Has.All.Matches<(LogLevel Level, EventId, string)>(e => e.Level == LogLevel.Trace));
    }

    private static MeterListener Listen(ConcurrentBag<(string, double, string)> seen)
    {
        void Add(Instrument instrument, double value,
            ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string text = string.Join(';', tags.ToArray().Select(t => $"{t.Key}={t.Value}"));
            seen.Add((instrument.Name, value, text));
        }
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == MetalMoeTelemetry.Name)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Add(i, value, tags));
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Add(i, value, tags));
        listener.Start();
        return listener;
    }
}
