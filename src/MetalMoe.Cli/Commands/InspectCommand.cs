using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Gguf;
using Spectre.Console;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe inspect</c>: what is in a file.</summary>
internal static class InspectCommand
{
    private const int MaxValueLength = 100;

    private static readonly Option<string> Model = new("--model", "-m")
    {
        Description = "The GGUF file (any part of a split one)",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<bool> Tensors = new("--tensors")
    {
        Description = "List every tensor too",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    public static Command Create()
    {
        var command = new ExampleCommand("inspect",
            "Shows metadata, sizes and weight formats of a file.",
            "metalmoe inspect -m MODEL",
            "metalmoe inspect -m MODEL --tensors",
            "metalmoe inspect -m MODEL --json") { Model, Tensors, Json };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        using var file = GgufFile.Open(parsed.GetRequiredValue(Model));
        var inspection = ModelInspection.Of(file);
        using var output = new StandardOutput();
        if (parsed.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(
                ToJson(file, inspection), CliJson.Readable.InspectJson));
        }
        else
        {
            WriteText(output, file, inspection, parsed.GetValue(Tensors));
        }
        output.Flush();
        return 0;
    }

    private static InspectJson ToJson(GgufFile file, ModelInspection inspection) => new(
        file.Path, file.Version, file.PartCount, file.FileBytes, Architecture(file),
        inspection.Parameters, inspection.ActiveParameters, inspection.BytesPerToken,
        file.Metadata.Values.Keys.ToDictionary(key => key, file.Metadata.Display),
        [.. inspection.Formats.Select(f => new FormatJson(
            f.Format.ToString(), f.Tensors, f.Parameters, f.Bytes))],
        [.. file.Tensors.Select(t => new TensorJson(
            t.Name, t.Format.ToString(), t.Shape, t.ByteCount))]);

    private static string Architecture(GgufFile file) =>
        file.Metadata.TryGetString("general.architecture", out string? name) ? name : "";

    private static void WriteText(
        StandardOutput output, GgufFile file, ModelInspection inspection, bool tensors)
    {
        output.WriteLine(file.Path);
        output.WriteLine($"GGUF version {file.Version}, {file.PartCount} file(s), "
            + $"{Bytes(file.FileBytes)}, architecture {Architecture(file)}");
        output.WriteLine("");
        int width = file.Metadata.Values.Keys.Max(k => k.Length);
        foreach (string key in file.Metadata.Values.Keys)
        {
            output.WriteLine($"  {key.PadRight(width)}  {Short(file.Metadata.Display(key))}");
        }
        output.WriteLine("");
        WriteFormats(output, inspection);
        output.WriteLine("");
        output.WriteLine($"parameters           {Count(inspection.Parameters)}");
        output.WriteLine($"active per token     {Count(inspection.ActiveParameters)}");
        output.WriteLine($"bytes read per token {Bytes(inspection.BytesPerToken)}");
        if (tensors)
        {
            output.WriteLine("");
            int names = file.Tensors.Max(t => t.Name.Length);
            foreach (var t in file.Tensors)
            {
                output.WriteLine($"  {t.Name.PadRight(names)}  {t.Format,-7} "
                    + $"[{string.Join(", ", t.Shape)}]  {Bytes(t.ByteCount)}");
            }
        }
    }

    private static void WriteFormats(StandardOutput output, ModelInspection inspection)
    {
        var table = new Table().RoundedBorder();
        table.AddColumn("format");
        foreach (string title in (string[])["tensors", "parameters", "bytes", "bits/weight"])
        {
            table.AddColumn(new TableColumn(title).RightAligned());
        }
        foreach (var f in inspection.Formats)
        {
            table.AddRow(f.Format.ToString(),
                f.Tensors.ToString(CultureInfo.InvariantCulture), Count(f.Parameters),
                Bytes(f.Bytes),
                (8.0 * f.Bytes / Math.Max(1, f.Parameters)).ToString(
                    "f2", CultureInfo.InvariantCulture));
        }
        output.WriteTable(table);
    }

    // One line a value, whatever is in it: templates are pages long.
    private static string Short(string value)
    {
        value = value.ReplaceLineEndings("\\n");
        return value.Length <= MaxValueLength ? value : value[..MaxValueLength] + "...";
    }

    private static string Count(long value) => value switch
    {
        >= 1_000_000_000 => $"{value.ToString("n0", CultureInfo.InvariantCulture)} "
            + $"({(value / 1e9).ToString("f2", CultureInfo.InvariantCulture)} B)",
        >= 1_000_000 => $"{value.ToString("n0", CultureInfo.InvariantCulture)} "
            + $"({(value / 1e6).ToString("f1", CultureInfo.InvariantCulture)} M)",
        _ => value.ToString("n0", CultureInfo.InvariantCulture),
    };

    private static string Bytes(long value) => value switch
    {
        >= 1L << 30 => (value / (double)(1L << 30)).ToString("f2", CultureInfo.InvariantCulture)
            + " GiB",
        >= 1L << 20 => (value / (double)(1L << 20)).ToString("f2", CultureInfo.InvariantCulture)
            + " MiB",
        >= 1L << 10 => (value / 1024.0).ToString("f1", CultureInfo.InvariantCulture) + " KiB",
        _ => value.ToString(CultureInfo.InvariantCulture) + " B",
    };
}
