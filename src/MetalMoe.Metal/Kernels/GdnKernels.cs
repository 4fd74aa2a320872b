using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// Short convolution and gated delta rule: one dispatch for a decode step, three for a prefill.
/// </summary>
internal static class GdnKernels
{
    private const int SimdGroups = 4;
    private const int Threads = 32 * SimdGroups;
    private const int TileRows = 8;
    private const int MaxDim = 256;
    private static readonly int[] s_rowsPerThread = [16, 32, 64];
    private static readonly int[] s_scanDims = [64, 128, 256];

    /// <summary>Convolution of a prefill.</summary>
    public static KernelSpec Conv { get; } = new(
        "gdn_prefill", "gdn_conv", KernelBinding.Read("tokens"), KernelBinding.Read("segments"),
        KernelBinding.Read("input"), KernelBinding.Read("taps"),
        KernelBinding.Read("conv_state"), KernelBinding.Write("rows"));

    /// <summary>Gated norm of a prefill, and what is kept of its input rows.</summary>
    public static KernelSpec Norm { get; } = new(
        "gdn_prefill", "gdn_norm", KernelBinding.Read("tokens"), KernelBinding.Read("segments"),
        KernelBinding.Read("gate"), KernelBinding.Read("norm"), KernelBinding.Read("input"),
        KernelBinding.Write("conv_state"), KernelBinding.ReadWrite("output"));

    public static IReadOnlyList<KernelSpec> All { get; } =
        [Conv, Norm, .. s_scanDims.Select(Scan), .. s_rowsPerThread.Select(DecodeOf)];

    /// <summary>The recurrence of a prefill, in chunks.</summary>
    /// <param name="keyDim">K.</param>
    public static KernelSpec Scan(int keyDim) => new(
        "gdn_prefill", $"gdn_scan_k{s_scanDims.First(dim => keyDim <= dim)}",
        KernelBinding.Read("segments"), KernelBinding.Read("rows"), KernelBinding.Read("alpha"),
        KernelBinding.Read("beta"), KernelBinding.Read("a"), KernelBinding.Read("dt"),
        KernelBinding.ReadWrite("state"), KernelBinding.Write("output"));

    /// <summary>All of a decode step.</summary>
    public static KernelSpec Decode(in GdnArgs args) => DecodeOf(RowsPerThread(args));

    /// <summary>Threads of a threadgroup of <see cref="Decode"/>.</summary>
    public static int DecodeThreads(in GdnArgs args) =>
        Grid.Cover(Parts(args, RowsPerThread(args)) * (int)args.ValueDim, 32) * 32;

    /// <summary>Rows that a prefill's segments take when each is padded to whole tiles.</summary>
    public static int PaddedRows(int tokens, int segments) =>
        (Grid.Cover(tokens, TileRows) + segments) * TileRows;

    public static Grid ConvGrid(in GdnArgs args, StepShape step) => new(
        Grid.Cover((2 * args.KeyHeads) + args.ValueHeads, SimdGroups), step.Tokens);

    public static Grid ScanGrid(in GdnArgs args, StepShape step) => new(
        Grid.Cover(args.ValueDim, TileRows * SimdGroups), (int)args.ValueHeads, step.Segments);

    public static Grid NormGrid(in GdnArgs args, StepShape step) =>
        new(Grid.Cover(args.ValueHeads, SimdGroups), step.Tokens);

    public static void Lower(GdnConv conv, GdnScan op, Lowering lowering)
    {
        StateMemory state = lowering.State(op.StateIndex);
        RecurrentShape shape = state.Shape;
        Check(op, shape);
        var args = new GdnArgs
        {
            KeyHeads = (uint)op.KeyHeads,
            ValueHeads = (uint)shape.ValueHeads,
            KeyDim = (uint)shape.KeyDim,
            ValueDim = (uint)shape.ValueDim,
            Taps = (uint)shape.ConvKernel,
            RingRows = (uint)state.RingRows,
            ConvEpsilon = conv.Epsilon,
            NormEpsilon = op.Epsilon,
        };
        BufferRef input = lowering.Rows(conv.Input);
        BufferRef taps = lowering.Weight(conv.Kernel);
        BufferRef norm = lowering.Weight(op.Norm);
        BufferRef[] gates =
        [
            lowering.Rows(op.Alpha), lowering.Rows(op.Beta), lowering.Weight(op.A),
            lowering.Weight(op.DtBias),
        ];
        BufferRef gate = lowering.Rows(op.Gate);
        BufferRef output = lowering.Rows(op.Output);
        if (lowering.Form == StepForm.Decode)
        {
            lowering.Dispatch(
                Decode(args), args,
                [lowering.Segments, input, gates[0], gates[1], gate, taps, gates[2], gates[3],
                    norm, state.Convolution, state.Delta, output],
                step => new Grid((int)args.ValueHeads, step.Segments), DecodeThreads(args));
            return;
        }
        int segments = Math.Min(lowering.Options.Slots, lowering.MaxTokens);
        BufferRef rows = lowering.Scratch(
            "convolved rows",
            (long)PaddedRows(lowering.MaxTokens, segments) * shape.ConvChannels * sizeof(float));
        lowering.Dispatch(
            Conv, args,
            [lowering.Tokens, lowering.Segments, input, taps, state.Convolution, rows],
            step => ConvGrid(args, step), Threads);
        lowering.Dispatch(
            Scan(shape.KeyDim), args,
            [lowering.Segments, rows, .. gates, state.Delta, output],
            step => ScanGrid(args, step), Threads);
        lowering.Dispatch(
            Norm, args,
            [lowering.Tokens, lowering.Segments, gate, norm, input, state.Convolution, output],
            step => NormGrid(args, step), Threads);
    }

    private static void Check(GdnScan op, RecurrentShape shape)
    {
        if (shape.KeyDim % TileRows != 0 || shape.ValueDim % TileRows != 0
            || shape.KeyDim > MaxDim || shape.ValueDim > MaxDim)
        {
            throw new MetalMoeException(
                $"[metal] {op.Name}: expected head dimensions that are multiples of 8, at most "
                + $"{MaxDim}, got {shape.KeyDim} and {shape.ValueDim}");
        }
    }

    private static KernelSpec DecodeOf(int rowsPerThread) => new(
        "gdn_decode", $"gdn_decode_r{rowsPerThread}", KernelBinding.Read("segments"),
        KernelBinding.Read("input"), KernelBinding.Read("alpha"), KernelBinding.Read("beta"),
        KernelBinding.Read("gate"), KernelBinding.Read("taps"), KernelBinding.Read("a"),
        KernelBinding.Read("dt"), KernelBinding.Read("norm"),
        KernelBinding.ReadWrite("conv_state"), KernelBinding.ReadWrite("state"),
        KernelBinding.Write("output"));

    // Few rows a thread hide latency best; a threadgroup has at most 1024 threads, and beyond 512
    // they leave too few registers.
    private static int RowsPerThread(in GdnArgs args)
    {
        foreach (int rows in s_rowsPerThread)
        {
            if (Parts(args, rows) * args.ValueDim <= 512)
            {
                return rows;
            }
        }
        return s_rowsPerThread[^1];
    }

    private static int Parts(in GdnArgs args, int rows) => Grid.Cover(args.KeyDim, rows);
}
