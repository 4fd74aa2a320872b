using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Metal.Kernels;

/// <summary>What the kernels over weights have in common; numbers as the shaders have them.
/// </summary>
internal static class Kernel
{
    public const int SimdWidth = 32;

    /// <summary>SIMD-groups of a threadgroup in the kernels for few tokens: enough to cover each
    /// other's waits, few enough that a short matrix still reaches every core.</summary>
    public const int SimdGroups = 2;

    /// <summary>Tile of <c>shaders/common/matmul.h</c>: input rows, weight rows, threads.</summary>
    public const int TileTokens = 32;
    public const int TileWeights = 64;
    public const int TileThreads = 128;

    /// <summary>Tokens that a threadgroup of the kernels for few tokens takes together, so that
    /// a weight is read once for all of them.</summary>
    public static int TokensPerGroup(Lowering lowering) => lowering.SingleToken ? 1 : 4;

    /// <summary>A matrix's format as a function constant, by GGUF's number.</summary>
    public static FunctionConstant Format(int index, Weight weight) =>
        FunctionConstant.UInt(index, (uint)weight.Format);

    /// <summary>Bytes of a stored row, checked to fit what the kernels count with.</summary>
    public static uint RowBytes(Weight weight) => checked((uint)weight.RowBytes);

    /// <summary>Format of a matrix that may be absent.</summary>
    public static FunctionConstant Format(int index, Weight? weight, QuantFormat otherwise) =>
        FunctionConstant.UInt(index, (uint)(weight?.Format ?? otherwise));
}
