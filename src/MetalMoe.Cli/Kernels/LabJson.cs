using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MetalMoe.Metal.Lab;

namespace MetalMoe.Cli.Kernels;

/// <summary>What <c>kernels list --json</c> prints.</summary>
internal sealed record KernelListJson(IReadOnlyList<KernelJson> Kernels);

/// <summary>One kernel.</summary>
internal sealed record KernelJson(
    string Name, string Family, IReadOnlyList<KernelBufferInfo> Buffers);

/// <summary>One dispatch.</summary>
internal sealed record DispatchJson(
    string Operation, string Kernel, string Family, IReadOnlyList<int> Threadgroups,
    int Threads, bool Barrier, double Seconds, KernelCounters? Counters,
    IReadOnlyList<BufferCost> Buffers);

/// <summary>What <c>kernels run</c>, <c>check</c> and <c>bench</c> print with <c>--json</c>.
/// </summary>
internal sealed record LabRunJson(
    string Layer, string Device, double Seconds, double? Distance,
    IReadOnlyList<DispatchJson> Dispatches);

/// <summary>What <c>kernels ab --json</c> prints: seconds without checks, bytes with them.
/// </summary>
internal sealed record ComparisonJson(
    LabRunJson A, LabRunJson B, IReadOnlyList<DispatchJson> CountedA,
    IReadOnlyList<DispatchJson> CountedB, double DistanceBetween);

/// <summary>The JSON shapes of the laboratory.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(KernelListJson))]
[JsonSerializable(typeof(LabRunJson))]
[JsonSerializable(typeof(ComparisonJson))]
internal sealed partial class LabJson : JsonSerializerContext
{
    /// <summary>Text stays readable: only what JSON itself requires is escaped.</summary>
    public static LabJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static KernelListJson Of(IReadOnlyList<KernelInfo> kernels) =>
        new([.. kernels.Select(k => new KernelJson(k.Name, k.Family, k.Bindings))]);

    public static LabRunJson Of(LabSubject subject, LabRun run, double? distance) =>
        new(subject.Layer, run.Device, run.Seconds, distance, Of(run));

    public static ComparisonJson Of(LabSubject subject, LabSide[] sides, double between) => new(
        Of(subject, sides[0].Timed, sides[0].Distance),
        Of(subject, sides[1].Timed, sides[1].Distance), Of(sides[0].Counted),
        Of(sides[1].Counted), between);

    private static List<DispatchJson> Of(LabRun run) => [.. run.Costs.Select(
        c => new DispatchJson(
            c.Operation, c.Kernel, c.Family,
            [c.Threadgroups.X, c.Threadgroups.Y, c.Threadgroups.Z], c.Threads, c.HasBarrier,
            c.Seconds, c.Counters, c.Buffers))];
}
