using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>RouteArgs</c> in <c>shaders/common/args/moe.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteArgs
{
    public uint Columns;
    public uint Experts;
    public uint Used;
    public float Scale;
    public float Epsilon;
}

/// <summary>Copy of <c>GateUpArgs</c> in <c>shaders/common/args/moe.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GateUpArgs
{
    public uint Columns;
    public uint Experts;
    public uint Used;
    public uint Rows;
    public uint GateRowsPerExpert;
    public uint GateRowOffset;
    public uint GateRowBytes;
    public uint UpRowsPerExpert;
    public uint UpRowOffset;
    public uint UpRowBytes;
    public uint SharedRows;
    public uint SharedGateRowBytes;
    public uint SharedUpRowBytes;
    public float Scale;
    public float Epsilon;
}

/// <summary>Copy of <c>MoeSortArgs</c> in <c>shaders/common/args/moe.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MoeSortArgs
{
    public uint Experts;
    public uint Used;
}

/// <summary>Copy of <c>MoeDownArgs</c> in <c>shaders/common/args/moe.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MoeDownArgs
{
    public uint Rows;
    public uint Columns;
    public uint Experts;
    public uint Used;
    public uint RowsPerExpert;
    public uint RowOffset;
    public uint RowBytes;
    public uint SharedColumns;
    public uint SharedRowBytes;
}
