using System.Globalization;
using System.Text;
using MetalMoe.Cli.Bench;
using Spectre.Console;

namespace MetalMoe.Cli.Compare;

/// <summary>A comparison for people: console and Markdown.</summary>
internal static class CompareTables
{
    /// <summary>Who was compared on what: the lines above the table.</summary>
    public static IEnumerable<string> Head(CompareReport report)
    {
        yield return $"{report.Model} on {report.Machine}";
        foreach (ComparedEngine engine in (ComparedEngine[])[report.Ours, report.Peer])
        {
            yield return $"{engine.Name} {engine.Version}: {engine.Settings}; "
                + $"loaded in {Number(engine.LoadSeconds, 2)} s";
        }
    }

    /// <summary>The lines below the table.</summary>
    public static IEnumerable<string> Foot(CompareReport report)
    {
        if (report.Parity is { } parity)
        {
            yield return Describe(parity);
        }
        yield return Describe(report.Mlx);
    }

    /// <summary>A line for every test.</summary>
    public static Table Create(CompareReport report)
    {
        var table = new Table().Border(TableBorder.Simple);
        table.AddColumn("test");
        foreach (string head in (string[])
            [$"{report.Ours.Name} tok/s", $"{report.Peer.Name} tok/s", "ratio", "min - max"])
        {
            table.AddColumn(new TableColumn(head).RightAligned());
        }
        foreach (ComparedTest test in report.Tests)
        {
            Spread ratio = test.RatioSpread;
            table.AddRow(
                test.Test, Number(test.OursSpread.Median, 1), Number(test.PeerSpread.Median, 1),
                $"{Number(ratio.Median, 2)} x",
                $"{Number(ratio.Min, 2)} - {Number(ratio.Max, 2)}");
        }
        return table;
    }

    /// <summary>A table with everything one needs to repeat it.</summary>
    public static string ToMarkdown(CompareReport report)
    {
        int pairs = report.Tests[0].Ours.Count;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"### {report.Model}, {report.Date:yyyy-MM-dd}\n\n")
            .Append(CultureInfo.InvariantCulture, $"{report.Machine}. Medians of {pairs} ")
            .Append("alternating pairs; in brackets smallest and largest.\n\n")
            .Append(CultureInfo.InvariantCulture,
                $"| test | {report.Ours.Name} {report.Ours.Version}, tok/s ")
            .Append(CultureInfo.InvariantCulture,
                $"| {report.Peer.Name} {report.Peer.Version}, tok/s | ratio |\n")
            .Append("|---|--:|--:|--:|\n");
        foreach (ComparedTest test in report.Tests)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"| {test.Test} | {Cell(test.OursSpread, 1)} | {Cell(test.PeerSpread, 1)} ")
                .Append(CultureInfo.InvariantCulture, $"| {Cell(test.RatioSpread, 2)} |\n");
        }
        text.Append('\n');
        foreach (ComparedEngine engine in (ComparedEngine[])[report.Ours, report.Peer])
        {
            text.Append(CultureInfo.InvariantCulture,
                $"- {engine.Name} {engine.Version}: {engine.Settings}\n");
        }
        foreach (string line in Foot(report))
        {
            text.Append(CultureInfo.InvariantCulture, $"- {line}\n");
        }
        return text.ToString();
    }

    private static string Describe(TokenParity p) => string.Create(
        CultureInfo.InvariantCulture,
        $"parity: same greedy token at {p.Agreed} of {p.Positions} positions (the first "
        + $"{p.AgreedFromStart} in a row), KL median {p.KlMedian:0.0e0}, largest "
        + $"{p.KlMax:0.0e0}; largest logit difference {p.LogitDifferenceMax:0.000}");

    private static string Describe(MlxResult mlx) => mlx.PrefillTps is { } prefill
        ? string.Create(CultureInfo.InvariantCulture,
            $"{mlx.Note}: prompt {prefill:f1} tok/s, decode {mlx.DecodeTps:f1} tok/s "
            + $"(its own clock)")
        : mlx.Note;

    private static string Cell(Spread spread, int decimals) =>
        $"{Number(spread.Median, decimals)} ({Number(spread.Min, decimals)} - "
        + $"{Number(spread.Max, decimals)})";

    private static string Number(double value, int decimals) =>
        value.ToString($"n{decimals}", CultureInfo.InvariantCulture);
}
