using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>What a call of <see cref="LinearKernel.Multiply"/> computes.</summary>
internal readonly unsafe struct LinearTask
{
    public required byte* Matrix { get; init; }

    public required long RowBytes { get; init; }

    public required int Columns { get; init; }

    public required int FirstRow { get; init; }

    public required int RowCount { get; init; }

    public required ActivationRows Activations { get; init; }

    public required int* TokenIndex { get; init; }

    public required int TokenCount { get; init; }

    public required float* Output { get; init; }

    public required long OutputStride { get; init; }

    public required LinearScratch Scratch { get; init; }
}

/// <summary>
/// Runs a <see cref="LinearTask"/> with the kernel of one format: few activation rows take the weights
/// one row after the other straight from memory, more share panels of unpacked weights.
/// </summary>
internal static unsafe class LinearEngine<L, TKernel>
    where L : struct, ILanes<L>
    where TKernel : struct, IWeightKernel<L>
{
    /// <summary>From this many activation rows on, unpacking weights into panels pays.</summary>
    private const int TileThreshold = 4;

    /// <summary>Activations that stay in the second-level cache while panels pass.</summary>
    private const int ChunkBytes = 512 * 1024;

    private const int TileTokens = LinearScratch.TileTokens;

    public static void Run(in LinearTask task)
    {
        if (task.TokenCount < TileThreshold)
        {
            RunRows(task);
        }
        else
        {
            RunTiles(task);
        }
    }

    private static void RunRows(in LinearTask task)
    {
        for (int t = 0; t < task.TokenCount; t++)
        {
            TokenRow token = Describe(task, t);
            float* output = task.Output + (t * task.OutputStride);
            byte* row = task.Matrix + (task.FirstRow * task.RowBytes);
            for (int r = 0; r < task.RowCount; r++)
            {
                output[task.FirstRow + r] = TKernel.Dot(row, task.Columns, token);
                row += task.RowBytes;
            }
        }
    }

    private static void RunTiles(in LinearTask task)
    {
        int panelRows = task.Scratch.PanelRows(task.Columns, TKernel.ValueBytes);
        int chunk = ChunkBytes / (task.Columns * TKernel.ValueBytes) / TileTokens * TileTokens;
        chunk = Math.Max(chunk, TileTokens);
        for (int start = 0; start < task.TokenCount; start += chunk)
        {
            int end = Math.Min(start + chunk, task.TokenCount);
            for (int r = 0; r < task.RowCount; r += panelRows)
            {
                int rows = Math.Min(panelRows, task.RowCount - r);
                UnpackPanel(task, task.FirstRow + r, rows);
                for (int t = start; t < end; t += TileTokens)
                {
                    int tokens = Math.Min(TileTokens, end - t);
                    RunTile(task, task.FirstRow + r, rows, t, tokens);
                }
            }
        }
    }

    private static int BlocksOf(int columns) =>
        (columns + TKernel.BlockColumns - 1) / TKernel.BlockColumns;

    private static int MinimumGroups(int columns) =>
        TKernel.ColumnsPerMinimum == 0
            ? 0
            : (columns + (16 * TKernel.ColumnsPerMinimum) - 1) / (16 * TKernel.ColumnsPerMinimum);

    /// <summary>Panel layout: blocks slowest, then rows, 512 bytes of values each.</summary>
    private static void UnpackPanel(in LinearTask task, int firstRow, int rows)
    {
        LinearScratch scratch = task.Scratch;
        int blocks = BlocksOf(task.Columns);
        int groups = MinimumGroups(task.Columns);
        int height = (rows + 3) / 4 * 4;
        for (int r = 0; r < rows; r++)
        {
            byte* row = task.Matrix + ((firstRow + r) * task.RowBytes);
            for (int b = 0; b < blocks; b++)
            {
                long at = ((long)b * height) + r;
                float* scales = scratch.Scales + (at * TKernel.ScalesPerBlock);
                TKernel.Unpack(row, task.Columns, b, scratch.Weights + (at * 512), scales);
            }
            for (int g = 0; g < groups; g++)
            {
                float* target = scratch.Minimums + ((((long)r * groups) + g) * 16);
                L.Store(target, TKernel.Minimums(row, task.Columns, g));
            }
        }
    }

    private static void RunTile(
        in LinearTask task, int firstRow, int rows, int firstToken, int tokens)
    {
        LinearScratch scratch = task.Scratch;
        int height = (rows + 3) / 4 * 4;
        int width = (tokens + 3) / 4 * 4;
        for (int t = 0; t < width; t++)
        {
            // Places beyond the last token repeat it; their sums are not read.
            scratch.Tokens[t] = Describe(task, firstToken + Math.Min(t, tokens - 1));
        }
        new Span<float>(scratch.Accumulators, height * width * 16).Clear();
        int blocks = BlocksOf(task.Columns);
        for (int b = 0; b < blocks; b++)
        {
            float* accumulators = scratch.Accumulators;
            for (int t = 0; t < width; t += 4)
            {
                for (int r = 0; r < height; r += 4)
                {
                    long at = ((long)b * height) + r;
                    TKernel.AddTile(
                        scratch.Weights + (at * 512),
                        scratch.Scales + (at * TKernel.ScalesPerBlock),
                        scratch.Tokens + t,
                        b,
                        task.Columns,
                        accumulators);
                    accumulators += 256;
                }
            }
        }
        WriteTile(task, firstRow, rows, firstToken, tokens);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WriteTile(
        in LinearTask task, int firstRow, int rows, int firstToken, int tokens)
    {
        LinearScratch scratch = task.Scratch;
        int groups = MinimumGroups(task.Columns);
        int quads = (rows + 3) / 4;
        for (int t = 0; t < tokens; t++)
        {
            float* output = task.Output + ((firstToken + t) * task.OutputStride) + firstRow;
            for (int r = 0; r < rows; r++)
            {
                int tile = (t / 4 * quads) + (r / 4);
                int place = (tile * 16) + (t % 4 * 4) + (r % 4);
                L total = L.Load(scratch.Accumulators + (place * 16));
                if (TKernel.ColumnsPerMinimum != 0)
                {
                    float* minimums = scratch.Minimums + ((long)r * groups * 16);
                    L part = L.Zero;
                    for (int g = 0; g < groups; g++)
                    {
                        L sums = L.Load(scratch.Tokens[t].Sums + (16 * g));
                        part = L.FusedMultiplyAdd(L.Load(minimums + (16 * g)), sums, part);
                    }
                    total = L.SubtractSingle(total, part);
                }
                output[r] = L.Sum(total);
            }
        }
    }

    private static TokenRow Describe(in LinearTask task, int token)
    {
        int row = task.TokenIndex == null ? token : task.TokenIndex[token];
        ActivationRows x = task.Activations;
        if (TKernel.ScalesPerBlock == 0)
        {
            return new TokenRow { Values = x.RowAt(row) };
        }
        return new TokenRow
        {
            Values = x.ValuesAt(row),
            Scales = x.ScalesAt(row),
            Sums = TKernel.ColumnsPerMinimum == 16 ? x.Sums16At(row) : x.Sums32At(row),
        };
    }
}
