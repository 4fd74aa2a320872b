using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>LinearArgs</c> in <c>shaders/common/args/linear.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinearArgs
{
    public uint Columns;
    public uint FirstGroup1;
    public uint FirstGroup2;
    public uint FirstGroup3;
    public uint Rows0;
    public uint Rows1;
    public uint Rows2;
    public uint Rows3;
    public uint RowBytes0;
    public uint RowBytes1;
    public uint RowBytes2;
    public uint RowBytes3;
    public float Epsilon;
}

/// <summary>Copy of <c>EmbedArgs</c> in <c>shaders/common/args/linear.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EmbedArgs
{
    public uint Columns;
    public uint RowBytes;
}

/// <summary>Copy of <c>RmsNormArgs</c> in <c>shaders/common/args/linear.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RmsNormArgs
{
    public uint Columns;
    public float Epsilon;
}
