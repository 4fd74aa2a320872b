using System.Text;
using System.Text.Json;
using MetalMoe.Cli.Bench;

namespace MetalMoe.Cli.Compare;

/// <summary>A comparison for programs.</summary>
internal static class CompareJson
{
    /// <summary>One object.</summary>
    public static string Write(CompareReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new() { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("model", report.Model);
            json.WriteNumber("file_bytes", report.FileBytes);
            json.WriteString("machine", report.Machine);
            json.WriteString("date", report.Date.ToString("O"));
            json.WriteStartArray("engines");
            Write(json, report.Ours);
            Write(json, report.Peer);
            json.WriteEndArray();
            json.WriteStartArray("tests");
            foreach (ComparedTest test in report.Tests)
            {
                json.WriteStartObject();
                json.WriteString("test", test.Test);
                Write(json, "ours_tps", test.OursSpread, test.Ours);
                Write(json, "peer_tps", test.PeerSpread, test.Peer);
                Write(json, "ratio", test.RatioSpread, test.Ratios);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            Write(json, report.Parity);
            Write(json, report.Mlx);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Write(Utf8JsonWriter json, ComparedEngine engine)
    {
        json.WriteStartObject();
        json.WriteString("name", engine.Name);
        json.WriteString("version", engine.Version);
        json.WriteString("settings", engine.Settings);
        json.WriteNumber("load_seconds", engine.LoadSeconds);
        json.WriteEndObject();
    }

    private static void Write(
        Utf8JsonWriter json, string name, Spread spread, IReadOnlyList<double> pairs)
    {
        json.WriteStartObject(name);
        json.WriteNumber("median", spread.Median);
        json.WriteNumber("min", spread.Min);
        json.WriteNumber("max", spread.Max);
        json.WriteStartArray("pairs");
        foreach (double value in pairs)
        {
            json.WriteNumberValue(value);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, TokenParity? parity)
    {
        if (parity is null)
        {
            json.WriteNull("parity");
            return;
        }
        json.WriteStartObject("parity");
        json.WriteNumber("positions", parity.Positions);
        json.WriteNumber("agreed", parity.Agreed);
        json.WriteNumber("agreed_from_start", parity.AgreedFromStart);
        json.WriteNumber("kl_median", parity.KlMedian);
        json.WriteNumber("kl_max", parity.KlMax);
        json.WriteNumber("logit_difference_max", parity.LogitDifferenceMax);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, MlxResult mlx)
    {
        json.WriteStartObject("mlx");
        json.WriteString("note", mlx.Note);
        if (mlx is { PrefillTps: { } prefill, DecodeTps: { } decode })
        {
            json.WriteNumber("prefill_tps", prefill);
            json.WriteNumber("decode_tps", decode);
        }
        json.WriteEndObject();
    }
}
