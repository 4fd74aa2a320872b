using System.Globalization;
using System.Security;
using System.Text;
using MetalMoe.Cli.Bench;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// A comparison as a bar chart in SVG: for every test a bar an engine, as long as its share of
/// the faster one, with a whisker from the slowest to the fastest repetition. Colours follow the
/// reader's light or dark theme; the file needs nothing else.
/// </summary>
internal static class CompareChart
{
    private const int Width = 720;
    private const int Left = 132;
    private const int BarLength = 410;
    private const int BarHeight = 22;
    private const int TestHeight = 84;
    private const int Top = 76;

    private const string Style = """
        <style>
        .page{fill:#fff}.text{fill:#1c2430}.soft{fill:#5b6675}.ours{fill:#0b7a6f}
        .peer{fill:#b6bfca}.line{stroke:#1c2430;stroke-width:1.5}
        text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:14px}
        .title{font-size:18px;font-weight:600}.small{font-size:12px}.ratio{font-weight:600}
        @media (prefers-color-scheme:dark){.page{fill:#12161c}.text{fill:#e8edf3}
        .soft{fill:#98a4b3}.ours{fill:#2fc0ae}.peer{fill:#55606e}.line{stroke:#e8edf3}}
        </style>
        """;

    /// <summary>The file.</summary>
    public static string ToSvg(CompareReport report)
    {
        int height = Top + (TestHeight * report.Tests.Count) + 40;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" ")
            .Append(CultureInfo.InvariantCulture,
                $"width=\"{Width}\" height=\"{height}\" role=\"img\">\n")
            .Append(CultureInfo.InvariantCulture,
                $"<title>{Escape(Summary(report))}</title>\n{Style}\n")
            .Append(CultureInfo.InvariantCulture,
                $"<rect class=\"page\" width=\"{Width}\" height=\"{height}\" rx=\"8\"/>\n");
        Text(svg, 24, 34, "text title", report.Model);
        Text(svg, 24, 56, "soft small",
            "tokens per second, longer is faster; whiskers: slowest and fastest");
        for (int i = 0; i < report.Tests.Count; i++)
        {
            AddTest(svg, report, report.Tests[i], Top + (TestHeight * i));
        }
        Text(svg, 24, height - 18, "soft small", string.Create(
            CultureInfo.InvariantCulture, $"{report.Machine} · {report.Date:yyyy-MM-dd}"));
        return svg.Append("</svg>\n").ToString();
    }

    private static void AddTest(
        StringBuilder svg, CompareReport report, ComparedTest test, int y)
    {
        Spread ours = test.OursSpread;
        Spread peer = test.PeerSpread;
        double scale = BarLength / Math.Max(ours.Max, peer.Max);
        Text(svg, 24, y + 18, "text", test.Test);
        Text(svg, 24, y + 38, "text ratio", string.Create(
            CultureInfo.InvariantCulture, $"{test.RatioSpread.Median:0.00} x"));
        AddBar(svg, "ours", $"{report.Ours.Name} {report.Ours.Version}", ours, scale, y);
        AddBar(svg, "peer", $"{report.Peer.Name} {report.Peer.Version}", peer, scale,
            y + BarHeight + 12);
    }

    private static void AddBar(
        StringBuilder svg, string kind, string engine, Spread tps, double scale, int y)
    {
        double middle = y + (BarHeight / 2.0);
        svg.Append(CultureInfo.InvariantCulture,
            $"<rect class=\"{kind}\" x=\"{Left}\" y=\"{y}\" width=\"{tps.Median * scale:0.0}\" ")
            .Append(CultureInfo.InvariantCulture, $"height=\"{BarHeight}\" rx=\"3\"/>\n")
            .Append(CultureInfo.InvariantCulture,
                $"<line class=\"line\" x1=\"{Left + (tps.Min * scale):0.0}\" y1=\"{middle}\" ")
            .Append(CultureInfo.InvariantCulture,
                $"x2=\"{Left + (tps.Max * scale):0.0}\" y2=\"{middle}\"/>\n");
        Text(svg, Left + (tps.Max * scale) + 8, y + 11, "text small", string.Create(
            CultureInfo.InvariantCulture, $"{tps.Median:n1}"));
        Text(svg, Left + (tps.Max * scale) + 8, y + 24, "soft small", engine);
    }

    private static void Text(
        StringBuilder svg, double x, double y, string kind, string text) => svg.Append(
            CultureInfo.InvariantCulture,
            $"<text class=\"{kind}\" x=\"{x:0.0}\" y=\"{y:0.0}\">{Escape(text)}</text>\n");

    private static string Summary(CompareReport report) => string.Join("; ", report.Tests.Select(
        t => string.Create(CultureInfo.InvariantCulture,
            $"{t.Test}: {report.Ours.Name} {t.OursSpread.Median:0.0} tok/s, ")
            + string.Create(CultureInfo.InvariantCulture,
                $"{report.Peer.Name} {t.PeerSpread.Median:0.0} tok/s")));

    private static string Escape(string text) => SecurityElement.Escape(text);
}
