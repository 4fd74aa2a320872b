using System.Globalization;
using Spectre.Console;

namespace MetalMoe.Cli.Bench;

/// <summary>A benchmark report for people.</summary>
internal static class BenchTable
{
    private const double Mebibyte = 1L << 20;

    /// <summary>What was measured on what: the lines above the table.</summary>
    public static IEnumerable<string> Head(BenchReport report)
    {
        string own = report.Peak.OwnBytes is { } bytes
            ? $", {Mebibytes(bytes)} of it not pages of the file" : "";
        yield return $"{report.Model} ({Mebibytes(report.FileBytes)})";
        yield return $"{report.Device}; cache {report.CacheFormat}; batch {report.BatchTokens}";
        yield return $"loaded in {Number(report.LoadSeconds * 1e3, 1)} ms; "
            + $"peak resident {Mebibytes(report.Peak.TotalBytes)}{own}";
    }

    /// <summary>A line for every test.</summary>
    public static Table Create(BenchReport report)
    {
        var table = new Table().Border(TableBorder.Simple);
        table.AddColumn("test");
        foreach (string head in (string[])
            ["tok/s", "min - max", "MB/token", "GB/s", "memory GB/s", "% of it"])
        {
            table.AddColumn(new TableColumn(head).RightAligned());
        }
        foreach (BenchRow row in report.Rows)
        {
            table.AddRow(
                row.Test,
                Number(row.TpsMedian, 1),
                $"{Number(row.TpsMin, 1)} - {Number(row.TpsMax, 1)}",
                Number(row.BytesPerToken / 1e6, 1),
                Number(row.Gbps, 1),
                Number(row.BandwidthGbps, 1),
                Number(row.BandwidthPercent, 0));
        }
        return table;
    }

    private static string Mebibytes(long bytes) => $"{Number(bytes / Mebibyte, 1)} MiB";

    private static string Number(double value, int decimals) =>
        value.ToString($"n{decimals}", CultureInfo.InvariantCulture);
}
