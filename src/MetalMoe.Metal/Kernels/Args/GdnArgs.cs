using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Kernels.Args;

/// <summary>Copy of <c>GdnArgs</c> in <c>shaders/common/args/gdn.h</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GdnArgs
{
    public uint KeyHeads;
    public uint ValueHeads;
    public uint KeyDim;
    public uint ValueDim;
    public uint Taps;
    public uint RingRows;
    public float ConvEpsilon;
    public float NormEpsilon;
}
