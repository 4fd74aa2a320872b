using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>AttentionArgs</c> in <c>shaders/common/args/attention.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionArgs
{
    public uint HeadCount;
    public uint KvHeadCount;
    public uint HeadDim;
    public uint PaddedDim;
    public uint RotatedDim;
    public uint CacheRows;
    public uint MaxSplits;
    public uint MinSpan;
    public float Scale;
    public float Epsilon;
}
