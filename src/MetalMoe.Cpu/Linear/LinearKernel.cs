using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MetalMoe.Core.Quants;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// y = W x for every weight format. An output depends on its weight row and its activation row
/// alone:
/// batch size, split of the work and instruction set do not change a bit of it.
/// </summary>
internal static unsafe class LinearKernel
{
    /// <summary>Width of the vector registers in use: 512, 256 or 128.</summary>
    public static int RegisterBits =>
        Avx512BW.IsSupported ? 512 : Avx2.IsSupported && Fma.IsSupported ? 256 : 128;

    /// <summary>True when products need <see cref="ActivationRows.Quantize"/> first.</summary>
    public static bool NeedsQuantized(QuantFormat format) =>
        format is not (QuantFormat.F32 or QuantFormat.F16 or QuantFormat.BF16);

    /// <summary>
    /// Computes y[t * yStride + r] = sum over k of W[r, k] * x[row(t), k] for the given range of r
    /// and
    /// all t, where row(t) is tokenIndex[t], or t when there is no index.
    /// </summary>
    /// <param name="format">Format of the weights.</param>
    /// <param name="matrix">Row 0 of the weights.</param>
    /// <param name="rowBytes">Bytes of a row; the rows follow each other without a gap.</param>
    /// <param name="columns">Columns; a multiple of the format's block size, equal to x.Columns.
    /// </param>
    /// <param name="firstRow">First output row.</param>
    /// <param name="rowCount">Output rows.</param>
    /// <param name="x">Activations, quantised if the format needs it.</param>
    /// <param name="tokenIndex">Rows of x to use, or null for 0, 1, ..</param>
    /// <param name="tokenCount">Activation rows to use.</param>
    /// <param name="y">Output of t = 0, r = 0.</param>
    /// <param name="yStride">Elements from t to t + 1.</param>
    /// <param name="scratch">Working memory of the calling thread.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        QuantFormat format,
        byte* matrix,
        long rowBytes,
        int columns,
        int firstRow,
        int rowCount,
        ActivationRows x,
        int* tokenIndex,
        int tokenCount,
        float* y,
        long yStride,
        LinearScratch scratch)
    {
        if (columns != x.Columns)
        {
            throw new ArgumentException(
                $"[linear] expected activations of {columns} columns, got {x.Columns}", nameof(x));
        }
        var task = new LinearTask
        {
            Matrix = matrix,
            RowBytes = rowBytes,
            Columns = columns,
            FirstRow = firstRow,
            RowCount = rowCount,
            Activations = x,
            TokenIndex = tokenIndex,
            TokenCount = tokenCount,
            Output = y,
            OutputStride = yStride,
            Scratch = scratch,
        };
        if (RegisterBits == 512)
        {
            Dispatch<Lanes512>(format, task);
        }
        else if (RegisterBits == 256)
        {
            Dispatch<Lanes256>(format, task);
        }
        else
        {
            Dispatch<Lanes128>(format, task);
        }
    }

    /// <summary>The product on a given register width; all give the same bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Dispatch<L>(QuantFormat format, in LinearTask task)
        where L : struct, ILanes<L>
    {
        switch (format)
        {
            case QuantFormat.F32: LinearEngine<L, SingleKernel<L, F32Format>>.Run(task); break;
            case QuantFormat.F16: LinearEngine<L, SingleKernel<L, F16Format>>.Run(task); break;
            case QuantFormat.BF16: LinearEngine<L, SingleKernel<L, BF16Format>>.Run(task); break;
            case QuantFormat.Q4_0: Small<L, Q4_0Format>(task); break;
            case QuantFormat.Q4_1: Small<L, Q4_1Format>(task); break;
            case QuantFormat.Q5_0: Small<L, Q5_0Format>(task); break;
            case QuantFormat.Q5_1: Small<L, Q5_1Format>(task); break;
            case QuantFormat.Q8_0: Small<L, Q8_0Format>(task); break;
            case QuantFormat.IQ4_NL: Small<L, IQ4_NLFormat>(task); break;
            case QuantFormat.MXFP4: Small<L, MXFP4Format>(task); break;
            case QuantFormat.Q2_K: Super<L, Q2_KFormat>(task); break;
            case QuantFormat.Q3_K: Super<L, Q3_KFormat>(task); break;
            case QuantFormat.Q4_K: Super<L, Q4_KFormat>(task); break;
            case QuantFormat.Q5_K: Super<L, Q5_KFormat>(task); break;
            case QuantFormat.Q6_K: Super<L, Q6_KFormat>(task); break;
            case QuantFormat.IQ4_XS: Super<L, IQ4_XSFormat>(task); break;
            default: throw new ArgumentOutOfRangeException(nameof(format), format, "no kernel");
        }
    }

    private static void Small<L, TFormat>(in LinearTask task)
        where L : struct, ILanes<L>
        where TFormat : struct, ISmallBlockFormat =>
        LinearEngine<L, SmallBlockKernel<L, TFormat>>.Run(task);

    private static void Super<L, TFormat>(in LinearTask task)
        where L : struct, ILanes<L>
        where TFormat : struct, ISuperBlockFormat =>
        LinearEngine<L, SuperBlockKernel<L, TFormat>>.Run(task);
}
