using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MetalMoe.Cli.Bench;

/// <summary>A benchmark report for programs: JSON and CSV.</summary>
internal static class BenchFormats
{
    private const string CsvHead =
        "model,device,cache,batch,test,tps_median,tps_min,tps_max,gbps,bandwidth_percent,"
        + "bandwidth_gbps,bytes_per_token,peak_resident_bytes,load_seconds";

    /// <summary>An array with an object for every test; each stands alone, with what it was
    /// measured on.</summary>
    public static string ToJson(BenchReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new() { Indented = true }))
        {
            json.WriteStartArray();
            foreach (BenchRow row in report.Rows)
            {
                Write(json, report, row);
            }
            json.WriteEndArray();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>A head line and a line for every test.</summary>
    public static string ToCsv(BenchReport report)
    {
        var text = new StringBuilder(CsvHead).Append('\n');
        foreach (BenchRow row in report.Rows)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"{Quote(report.Model)},{Quote(report.Device)},{report.CacheFormat},")
                .Append(CultureInfo.InvariantCulture, $"{report.BatchTokens},{row.Test},")
                .Append(CultureInfo.InvariantCulture,
                    $"{row.TpsMedian:f3},{row.TpsMin:f3},{row.TpsMax:f3},{row.Gbps:f3},")
                .Append(CultureInfo.InvariantCulture,
                    $"{row.BandwidthPercent:f2},{row.BandwidthGbps:f3},{row.BytesPerToken:f0},")
                .Append(CultureInfo.InvariantCulture,
                    $"{report.Peak.TotalBytes},{report.LoadSeconds:f4}\n");
        }
        return text.ToString();
    }

    private static void Write(Utf8JsonWriter json, BenchReport report, BenchRow row)
    {
        json.WriteStartObject();
        json.WriteString("test", row.Test);
        json.WriteNumber("tps_median", row.TpsMedian);
        json.WriteNumber("tps_min", row.TpsMin);
        json.WriteNumber("tps_max", row.TpsMax);
        json.WriteNumber("gbps", row.Gbps);
        json.WriteNumber("bandwidth_percent", row.BandwidthPercent);
        json.WriteNumber("bandwidth_gbps", row.BandwidthGbps);
        json.WriteNumber("bytes_per_token", row.BytesPerToken);
        json.WriteNumber("weight_bytes_per_token", row.WeightBytesPerToken);
        json.WriteNumber("cache_bytes_per_token", row.CacheBytesPerToken);
        json.WriteNumber("state_bytes_per_token", row.StateBytesPerToken);
        json.WriteStartArray("tps_samples");
        foreach (double sample in row.Samples)
        {
            json.WriteNumberValue(sample);
        }
        json.WriteEndArray();
        json.WriteString("model", report.Model);
        json.WriteNumber("file_bytes", report.FileBytes);
        json.WriteString("device", report.Device);
        json.WriteString("cache", report.CacheFormat);
        json.WriteNumber("batch", report.BatchTokens);
        json.WriteNumber("load_seconds", report.LoadSeconds);
        json.WriteNumber("peak_resident_bytes", report.Peak.TotalBytes);
        if (report.Peak.OwnBytes is { } own)
        {
            json.WriteNumber("peak_resident_own_bytes", own);
        }
        json.WriteEndObject();
    }

    private static string Quote(string text) =>
        text.AsSpan().IndexOfAny(",\"\n") < 0
            ? text
            : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
