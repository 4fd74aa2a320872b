using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>StepParams</c> in <c>shaders/common/args/step.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StepParams
{
    public uint TokenCount;
    public uint RowCount;
    public uint SegmentCount;
    public uint PositionCount;
}

/// <summary>Copy of <c>TokenInfo</c> in <c>shaders/common/args/step.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TokenInfo
{
    public uint TokenId;
    public uint Slot;
    public uint Position;
    public uint Segment;
}

/// <summary>Copy of <c>SegmentInfo</c> in <c>shaders/common/args/step.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SegmentInfo
{
    public uint Slot;
    public uint FirstToken;
    public uint TokenCount;
    public uint Position;
}
