using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>SampleArgs</c> in <c>shaders/common/args/sample.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SampleArgs
{
    public uint Vocabulary;
    public uint HistoryCapacity;
}

/// <summary>Copy of <c>SampleRow</c> in <c>shaders/common/args/sample.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SampleRow
{
    public uint SeedLow;
    public uint SeedHigh;
    public uint Draw;
    public uint TopK;
    public uint History;
    public uint HistoryCount;
    public uint PenaltyWindow;
    public uint NextToken;
    public float Temperature;
    public float TopP;
    public float MinP;
    public float RepetitionPenalty;
    public float PresencePenalty;
    public float FrequencyPenalty;
}
