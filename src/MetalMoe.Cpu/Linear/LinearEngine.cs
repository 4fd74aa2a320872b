using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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
/// Runs a <see cref="LinearTask"/> with the kernel of one format: few activation rows take the
/// weights
/// one row after the other straight from memory, more share panels of unpacked weights.
/// </summary>
internal static unsafe class LinearEngine<L, TKernel>
    where L : struct, ILanes<L>
    where TKernel : struct, IWeightKernel<L>
{
    /// <summary>From this many activation rows on, unpacking weights into panels pays.</summary>
    private const int TileThreshold = 3;

    /// <summary>Activations that stay in the second-level cache while panels pass.</summary>
    private const int ChunkBytes = 512 * 1024;

    /// <summary>Bytes of a block of unpacked weights.</summary>
    private const int BlockBytes = 512;

    private const int TileTokens = LinearScratch.TileTokens;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunRows(in LinearTask task)
    {
        for (int t = 0; t < task.TokenCount; t++)
        {
            task.Scratch.Tokens[t] = Describe(task, t);
        }
        for (int r = 0; r < task.RowCount; r += LinearScratch.RowsAtOnce)
        {
            int rows = Math.Min(LinearScratch.RowsAtOnce, task.RowCount - r);
            byte* first = task.Matrix + ((task.FirstRow + r) * task.RowBytes);
            TKernel.DotRows(
                first, rows, task.Columns, task.Scratch.Tokens, task.TokenCount, task.Scratch);
            for (int t = 0; t < task.TokenCount; t++)
            {
                float* totals = task.Scratch.Accumulators + (16 * LinearScratch.RowsAtOnce * t);
                float* output = task.Output + (t * task.OutputStride) + task.FirstRow + r;
                for (int i = 0; i < rows; i += 4)
                {
                    Write(SumFour(totals + (16 * i)), output + i, Math.Min(4, rows - i));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UnpackPanel(in LinearTask task, int firstRow, int rows)
    {
        LinearScratch scratch = task.Scratch;
        int groups = MinimumGroups(task.Columns);
        int height = (rows + 3) / 4 * 4;
        for (int r = 0; r < rows; r++)
        {
            byte* row = task.Matrix + ((firstRow + r) * task.RowBytes);
            var target = new PanelRow
            {
                Values = scratch.Weights + (r * BlockBytes),
                ValueStride = (long)height * BlockBytes,
                Scales = scratch.Scales + (r * TKernel.ScalesPerBlock),
                ScaleStride = (long)height * TKernel.ScalesPerBlock,
                Minimums = scratch.Minimums + ((long)r * groups * 16),
            };
            TKernel.UnpackRow(row, task.Columns, target, scratch.Work);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        AddBlocks(task, height, width);
        WriteTile(task, firstRow, rows, firstToken, tokens);
    }

    /// <summary>
    /// All of the tile block by block: the block of 16 weight rows, of 16 activation rows and the
    /// accumulators stay in the first-level cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddBlocks(in LinearTask task, int height, int width)
    {
        LinearScratch scratch = task.Scratch;
        bool pack = TKernel.ValueBytes == sizeof(float);
        TokenRow* tokens = pack ? scratch.PackedTokens : scratch.Tokens;
        int blocks = BlocksOf(task.Columns);
        for (int b = 0; b < blocks; b++)
        {
            if (pack)
            {
                PackTokens(task, b, width);
            }
            long at = (long)b * height;
            for (int t = 0; t < width; t += 4)
            {
                TKernel.AddTile(
                    scratch.Weights + (at * BlockBytes),
                    scratch.Scales + (at * TKernel.ScalesPerBlock),
                    tokens + t,
                    b,
                    task.Columns,
                    height,
                    TileAt(scratch, height, t, 0));
            }
        }
    }

    /// <summary>
    /// Copies a block of the binary32 activations, which may lie at distances that share cache
    /// sets, and pads the end of the rows with zeros.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackTokens(in LinearTask task, int block, int width)
    {
        LinearScratch scratch = task.Scratch;
        int start = block * TKernel.BlockColumns;
        int count = Math.Min(TKernel.BlockColumns, task.Columns - start);
        for (int t = 0; t < width; t++)
        {
            float* target = scratch.Packed + (t * TKernel.BlockColumns);
            var source = new ReadOnlySpan<float>((float*)scratch.Tokens[t].Values + start, count);
            var copy = new Span<float>(target, TKernel.BlockColumns);
            source.CopyTo(copy);
            copy[count..].Clear();
            // Kernels add the offset of the block.
            scratch.PackedTokens[t].Values = target - start;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TileMemory TileAt(LinearScratch scratch, int height, int token, int row) => new()
    {
        Accumulators = scratch.Accumulators + (((token / 4 * (height / 4)) + (row / 4)) * 256),
        Zeros = scratch.Zeros,
        Work = scratch.Work,
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WriteTile(
        in LinearTask task, int firstRow, int rows, int firstToken, int tokens)
    {
        LinearScratch scratch = task.Scratch;
        int groups = MinimumGroups(task.Columns);
        int height = (rows + 3) / 4 * 4;
        for (int t = 0; t < tokens; t += 4)
        {
            for (int r = 0; r < rows; r += 4)
            {
                float* sums = scratch.Work;
                SumTile(scratch, groups, TileAt(scratch, height, t, r).Accumulators, t, r, sums);
                for (int i = 0; i < Math.Min(4, tokens - t); i++)
                {
                    float* output = task.Output + ((firstToken + t + i) * task.OutputStride);
                    var four = Vector128.Load(sums + (4 * i));
                    Write(four, output + firstRow + r, Math.Min(4, rows - r));
                }
            }
        }
    }

    /// <summary>The 16 outputs of a tile of 4 by 4, activation rows slowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumTile(
        LinearScratch scratch, int groups, float* totals, int token, int row, float* sums)
    {
        if (groups != 0)
        {
            float* minimums = scratch.Minimums + ((long)row * groups * 16);
            MinimumTile<L>.SubtractAndSum(
                minimums, groups, scratch.Tokens + token, totals, sums);
            return;
        }
        for (int t = 0; t < 4; t++)
        {
            SumFour(totals + (64 * t)).Store(sums + (4 * t));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> SumFour(float* totals) =>
        L.SumEach(L.Load(totals), L.Load(totals + 16), L.Load(totals + 32), L.Load(totals + 48));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(Vector128<float> four, float* output, int count)
    {
        if (count == 4)
        {
            four.Store(output);
            return;
        }
        for (int i = 0; i < count; i++)
        {
            output[i] = four.GetElement(i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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
            Bytes = x.BytesAt(row),
            Scales = x.ScalesAt(row),
            Sums = TKernel.ColumnsPerMinimum == 16 ? x.Sums16At(row) : x.Sums32At(row),
        };
    }
}
