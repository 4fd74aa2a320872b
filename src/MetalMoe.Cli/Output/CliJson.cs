using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Cli.Output;

/// <summary>What <c>run --json</c> prints.</summary>
internal sealed record RunJson(
    string Text, IReadOnlyList<int> Tokens, int PromptTokens, double PrefillTps,
    double DecodeTps);

/// <summary>What <c>tokenize --json</c> prints.</summary>
internal sealed record TokenizeJson(IReadOnlyList<int> Tokens);

/// <summary>What <c>perplexity --json</c> prints.</summary>
internal sealed record PerplexityJson(double Perplexity, long Tokens);

/// <summary>One device of <c>devices --json</c>.</summary>
internal sealed record DeviceJson(string Name, bool Available, string Description);

/// <summary>What <c>devices --json</c> prints.</summary>
internal sealed record DevicesJson(IReadOnlyList<DeviceJson> Devices);

/// <summary>What <c>synth --json</c> prints.</summary>
internal sealed record SynthJson(string File, long Bytes);

/// <summary>One format's share of a file.</summary>
internal sealed record FormatJson(string Format, int Tensors, long Parameters, long Bytes);

/// <summary>One tensor of <c>inspect --json</c>.</summary>
internal sealed record TensorJson(
    string Name, string Format, IReadOnlyList<long> Shape, long Bytes);

/// <summary>What <c>inspect --json</c> prints.</summary>
internal sealed record InspectJson(
    string File, uint Version, int Parts, long FileBytes, string Architecture, long Parameters,
    long ActiveParameters, long BytesPerToken, IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<FormatJson> Formats, IReadOnlyList<TensorJson> Tensors);

/// <summary>The JSON shapes of the script contract; changing one breaks scripts.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RunJson))]
[JsonSerializable(typeof(TokenizeJson))]
[JsonSerializable(typeof(PerplexityJson))]
[JsonSerializable(typeof(DevicesJson))]
[JsonSerializable(typeof(SynthJson))]
[JsonSerializable(typeof(InspectJson))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>Text stays readable: only what JSON itself requires is escaped.</summary>
    public static CliJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
