using System.Text.Json;
using System.Xml.Linq;
using MetalMoe.Cli.Compare;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

public sealed class CompareReportTests
{
    private static readonly CompareReport s_report = new()
    {
        Model = "a <b> & c.gguf",
        FileBytes = 1000,
        Machine = "Chip \"X\", 2 threads",
        Date = new DateOnly(2026, 11, 24),
        Ours = new ComparedEngine("MetalMoe", "0.1.0", "cpu", 0.5),
        Peer = new ComparedEngine("llama.cpp", "0.5.0", "cache f16", 1.5),
        Tests =
        [
            new ComparedTest("pp512", [400, 300, 500], [200, 100, 100]),
            new ComparedTest("tg64@d512", [10, 20, 30], [20, 20, 20]),
        ],
        Parity = new TokenParity(64, 60, 12, 1e-4, 2e-3, 0.05),
        Mlx = new MlxResult("mlx_lm: not found", null, null),
    };

    [Test]
    public void Ratios_are_of_pairs_and_not_of_medians()
    {
        ComparedTest test = s_report.Tests[0];

        Assert.That(test.Ratios, Is.EqualTo([2.0, 3.0, 5.0]));
        Assert.That(test.RatioSpread.Median, Is.EqualTo(3));
        Assert.That(test.OursSpread.Median / test.PeerSpread.Median, Is.EqualTo(4));
    }

    [Test]
    public void The_chart_is_well_formed_and_its_bars_are_as_long_as_the_figures()
    {
        XDocument svg = XDocument.Parse(CompareChart.ToSvg(s_report));

        XNamespace ns = "http://www.w3.org/2000/svg";
        double[] ours = Widths("ours");
        double[] peer = Widths("peer");
        Assert.That(ours, Has.Length.EqualTo(2));
        Assert.That(ours[0] / peer[0], Is.EqualTo(4).Within(0.02));
        Assert.That(ours[1] / peer[1], Is.EqualTo(1).Within(0.02));
        double width = (double)svg.Root!.Attribute("width")!;
        Assert.That(
            svg.Descendants(ns + "rect").Select(r => (double)r.Attribute("width")!),
            Is.All.InRange(0, width));
        Assert.That(svg.ToString(), Does.Contain("a &lt;b&gt; &amp; c.gguf"));

        double[] Widths(string kind) => [.. svg.Descendants(ns + "rect")
            .Where(r => (string?)r.Attribute("class") == kind)
            .Select(r => (double)r.Attribute("width")!)];
    }

    [Test]
    public void Markdown_has_a_row_for_every_test_and_names_both_versions()
    {
        string text = CompareTables.ToMarkdown(s_report);

        Assert.That(text, Does.Contain(
            "| pp512 | 400.0 (300.0 - 500.0) | 100.0 (100.0 - 200.0) | 3.00 (2.00 - 5.00) |"));
        Assert.That(text, Does.Contain("MetalMoe 0.1.0").And.Contain("llama.cpp 0.5.0"));
        Assert.That(text, Does.Contain("60 of 64").And.Contain("mlx_lm: not found"));
        Assert.That(text, Does.Contain("2026-11-24").And.Contain("Medians of 3"));
    }

    [Test]
    public void Json_has_every_pair()
    {
        using var json = JsonDocument.Parse(CompareJson.Write(s_report));

        JsonElement test = json.RootElement.GetProperty("tests")[0];
        Assert.That(test.GetProperty("ratio").GetProperty("median").GetDouble(), Is.EqualTo(3));
        Assert.That(
            test.GetProperty("ours_tps").GetProperty("pairs").EnumerateArray()
                .Select(p => p.GetDouble()),
            Is.EqualTo([400.0, 300.0, 500.0]));
        Assert.That(
            json.RootElement.GetProperty("parity").GetProperty("agreed").GetInt32(),
            Is.EqualTo(60));
    }

    [Test]
    public void The_averages_of_mlx_are_read_and_a_failure_is_told()
    {
        const string Output = "Trial 1:  prompt_tps=1.0, generation_tps=2.0, peak_memory=3.0\n"
            + "Averages: prompt_tps=812.250, generation_tps=61.500, peak_memory=20.1\n";

        MlxResult good = MlxPeer.Parse("0.30", "model", Output);
        MlxResult bad = MlxPeer.Parse("0.30", "model", null);

        Assert.That((good.PrefillTps, good.DecodeTps), Is.EqualTo((812.25, 61.5)));
        Assert.That(bad.PrefillTps, Is.Null);
        Assert.That(bad.Note, Does.Contain("failed"));
    }
}
