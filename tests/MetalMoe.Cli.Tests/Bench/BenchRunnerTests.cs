using System.Text.Json;
using MetalMoe.Cli.Bench;
using MetalMoe.Core;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

public sealed class BenchRunnerTests
{
    private readonly List<double> _fractions = [];
    private BenchReport _report = null!;

    [OneTimeSetUp]
    public void Measure()
    {
        using var model = new TinyModel();
        _report = BenchRunner.Run(
            new BenchOptions
            {
                ModelPath = model.Path,
                Prefill = [4, 12],
                Decode = 2,
                Depths = [0, 9],
                Repetitions = 4,
                Threads = 1,
                BatchTokens = 8,
                Warm = true,
                ProbeByteCount = 4 << 20,
                WarmUp = TimeSpan.Zero,
            },
            (fraction, _) => _fractions.Add(fraction), warmProgress: null,
            CancellationToken.None);
    }

    [Test]
    public void Every_test_is_measured_as_often_as_asked_and_named_after_its_lengths()
    {
        Assert.That(
            _report.Rows.Select(r => r.Test), Is.EqualTo(["pp4", "pp12", "tg2", "tg2@d9"]));
        foreach (BenchRow row in _report.Rows)
        {
            Assert.That(row.Samples, Has.Count.EqualTo(4).And.All.Positive);
            Assert.That(row.TpsMin, Is.EqualTo(row.Samples.Min()));
            Assert.That(row.TpsMax, Is.EqualTo(row.Samples.Max()));
            Assert.That(row.TpsMedian, Is.InRange(row.TpsMin, row.TpsMax));
            Assert.That(
                row.Gbps, Is.EqualTo(row.TpsMedian * row.BytesPerToken / 1e9).Within(1e-9));
            Assert.That(
                row.BandwidthPercent, Is.EqualTo(100 * row.Gbps / row.BandwidthGbps).Within(1e-9));
        }
        Assert.That(_report.Rows[3].CacheBytesPerToken,
            Is.GreaterThan(_report.Rows[2].CacheBytesPerToken));
        Assert.That(_report.Peak.TotalBytes, Is.GreaterThan(1 << 20));
        Assert.That(_report.LoadSeconds, Is.Positive);
        Assert.That(_fractions, Has.Count.EqualTo(4 * 5).And.Ordered.And.All.InRange(0, 1));
    }

    [Test]
    public void Json_is_an_array_with_the_promised_names()
    {
        using var json = JsonDocument.Parse(BenchFormats.ToJson(_report));

        Assert.That(json.RootElement.GetArrayLength(), Is.EqualTo(_report.Rows.Count));
        for (int i = 0; i < _report.Rows.Count; i++)
        {
            JsonElement row = json.RootElement[i];
            Assert.That(row.GetProperty("test").GetString(), Is.EqualTo(_report.Rows[i].Test));
            Assert.That(
                row.GetProperty("tps_median").GetDouble(), Is.EqualTo(_report.Rows[i].TpsMedian));
            foreach (string name in (string[])["tps_min", "tps_max", "gbps", "bandwidth_percent"])
            {
                Assert.That(row.GetProperty(name).GetDouble(), Is.Positive, name);
            }
        }
    }

    [Test]
    public void Csv_has_a_head_and_a_line_of_as_many_fields_for_every_test()
    {
        BenchReport report = _report with { Device = "cpu" };

        string[] lines = BenchFormats.ToCsv(report).TrimEnd('\n').Split('\n');

        Assert.That(lines, Has.Length.EqualTo(1 + report.Rows.Count));
        int fields = lines[0].Split(',').Length;
        Assert.That(lines.Select(l => l.Split(',').Length), Is.All.EqualTo(fields));
        Assert.That(lines[1].Split(',')[4], Is.EqualTo("pp4"));
    }

    [Test]
    public void An_unknown_device_is_the_users_error()
    {
        using var model = new TinyModel();
        var options = new BenchOptions { ModelPath = model.Path, Device = "abacus" };

        Assert.That(
            () => BenchRunner.Run(options, null, null, CancellationToken.None),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains("abacus"));
    }

    [Test]
    public void Token_ids_repeat_and_cover_the_vocabulary()
    {
        int[] tokens = RandomTokens.Create(4000, vocabularySize: 50, seed: 7);

        Assert.That(tokens, Is.EqualTo(RandomTokens.Create(4000, 50, 7)));
        Assert.That(tokens, Is.Not.EqualTo(RandomTokens.Create(4000, 50, 8)));
        Assert.That(tokens.Distinct().Order(), Is.EqualTo(Enumerable.Range(0, 50)));
    }
}
