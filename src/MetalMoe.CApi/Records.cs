using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.CApi;

// The structs and numbers of include/metalmoe_c.h, which explains them.

internal enum Status
{
    Ok = 0,
    Failed = 1,
    Cancelled = 2,
    Busy = 3,
    InvalidArgument = 4,
    OutOfMemory = 5,
    Internal = 6,
}

[Flags]
internal enum GenerateFlags : uint
{
    None = 0,
    Chat = 1,
    Think = 2,
    ParseSpecial = 4,
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LoadOptions
{
    public uint SizeBytes;
    public int Threads;
    public int ContextLength;
    public int MaxSessions;
    public byte* Device;

    public static LoadOptions Default => new()
    {
        SizeBytes = (uint)sizeof(LoadOptions),
        MaxSessions = 1,
    };

    public readonly MoeModelOptions ToModelOptions() => new()
    {
        Device = Utf8.Read(Device) ?? DeviceCatalog.Default,
        Threads = Threads,
        ContextLength = ContextLength,
        MaxSessions = MaxSessions,
    };
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GenerateOptions
{
    public uint SizeBytes;
    public GenerateFlags Flags;
    public int MaxTokens;
    public int TopK;
    public float Temperature;
    public float TopP;
    public float MinP;
    public float RepetitionPenalty;
    public float PresencePenalty;
    public float FrequencyPenalty;
    public ulong Seed;
    public byte* Stop;
    public byte* Grammar;
    public byte* JsonSchema;

    public static GenerateOptions Default
    {
        get
        {
            var sampling = new SamplingOptions();
            return new GenerateOptions
            {
                SizeBytes = (uint)sizeof(GenerateOptions),
                MaxTokens = 256,
                TopK = sampling.TopK,
                Temperature = sampling.Temperature,
                TopP = sampling.TopP,
                MinP = sampling.MinP,
                RepetitionPenalty = sampling.RepetitionPenalty,
                PresencePenalty = sampling.PresencePenalty,
                FrequencyPenalty = sampling.FrequencyPenalty,
            };
        }
    }

    /// <summary>All but the grammar, which a session keeps from call to call.</summary>
    public readonly GenerationOptions ToGenerationOptions() => new()
    {
        MaxTokens = MaxTokens,
        StopStrings = Utf8.Read(Stop) is { } stop ? [stop] : [],
        Sampling = new SamplingOptions
        {
            Temperature = Temperature,
            TopK = TopK,
            TopP = TopP,
            MinP = MinP,
            RepetitionPenalty = RepetitionPenalty,
            PresencePenalty = PresencePenalty,
            FrequencyPenalty = FrequencyPenalty,
            Seed = Seed,
        },
    };
}

[StructLayout(LayoutKind.Sequential)]
internal struct GenerateResult
{
    public int FinishReason;
    public int PromptTokens;
    public int GeneratedTokens;
    public int Pad;
    public double PrefillSeconds;
    public double DecodeSeconds;

    public static GenerateResult From(FinishReason reason, GenerationStatistics statistics) => new()
    {
        // The header's numbers are this enum's, in its order.
        FinishReason = (int)reason,
        PromptTokens = statistics.PromptTokens,
        GeneratedTokens = statistics.GeneratedTokens,
        PrefillSeconds = statistics.PrefillTime.TotalSeconds,
        DecodeSeconds = statistics.DecodeTime.TotalSeconds,
    };
}

internal static unsafe class Utf8
{
    /// <summary>A copy of a zero-terminated text; null for a null pointer.</summary>
    public static string? Read(byte* text) => Marshal.PtrToStringUTF8((nint)text);
}
