using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// What is done with 32 unpacked weights, so that one unpacking routine a format serves both the
/// matrix-vector product (weights stay in registers) and the tile kernels (weights are stored).
/// </summary>
internal unsafe interface ISink<L>
    where L : struct, ILanes<L>
{
    /// <summary>Takes int16 weights 32 * index .. 32 * index + 31 of a block.</summary>
    /// <returns>The running int32 sums.</returns>
    static abstract L Accept(L sum, short* context, int index, L weights);
}

/// <summary>Multiplies with the activations at the context and adds up.</summary>
internal readonly unsafe struct DotSink<L> : ISink<L>
    where L : struct, ILanes<L>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Accept(L sum, short* context, int index, L weights) =>
        L.AddInt32(sum, L.MultiplyAddAdjacent(weights, L.Load(context + (32 * index))));
}

/// <summary>Stores the weights at the context.</summary>
internal readonly unsafe struct StoreSink<L> : ISink<L>
    where L : struct, ILanes<L>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Accept(L sum, short* context, int index, L weights)
    {
        L.Store(context + (32 * index), weights);
        return sum;
    }
}
