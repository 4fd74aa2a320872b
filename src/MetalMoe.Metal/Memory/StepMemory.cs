using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// What changes from step to step, in one buffer: <c>StepParams</c>, <c>TokenInfo</c> [T],
/// <c>SegmentInfo</c> [slots] and the rows that need logits, u32 [R].
/// </summary>
internal sealed class StepMemory
{
    private const int Alignment = 256;

    public StepMemory(DeviceBuffer buffer, ExecutorOptions options)
    {
        var (tokens, segments, rows, _) = Layout(options);
        Params = new BufferRef(buffer, 0, SizeOf<StepParams>(1));
        Tokens = new BufferRef(buffer, tokens, SizeOf<TokenInfo>(options.MaxBatchTokens));
        Segments = new BufferRef(buffer, segments, SizeOf<SegmentInfo>(options.Slots));
        OutputRows = new BufferRef(buffer, rows, SizeOf<uint>(options.MaxLogitsRows));
        Length = buffer.Length;
    }

    public long Length { get; }

    public BufferRef Params { get; }

    public BufferRef Tokens { get; }

    public BufferRef Segments { get; }

    public BufferRef OutputRows { get; }

    public static long ByteCount(ExecutorOptions options) => Layout(options).End;

    /// <summary>Writes a step's numbers; no kernel may be running.</summary>
    public StepShape Fill(StepBatch batch)
    {
        Span<TokenInfo> tokens = Tokens.AsSpan<TokenInfo>();
        Span<SegmentInfo> segments = Segments.AsSpan<SegmentInfo>();
        int positions = 0;
        for (int s = 0; s < batch.Segments.Length; s++)
        {
            StepSegment segment = batch.Segments[s];
            segments[s] = new SegmentInfo
            {
                Slot = (uint)segment.Slot,
                FirstToken = (uint)segment.FirstToken,
                TokenCount = (uint)segment.TokenCount,
                Position = (uint)segment.Position,
            };
            for (int i = 0; i < segment.TokenCount; i++)
            {
                tokens[segment.FirstToken + i] = new TokenInfo
                {
                    TokenId = (uint)batch.Tokens[segment.FirstToken + i],
                    Slot = (uint)segment.Slot,
                    Position = (uint)(segment.Position + i),
                    Segment = (uint)s,
                };
            }
            positions = Math.Max(positions, segment.Position + segment.TokenCount);
        }
        Span<uint> rows = OutputRows.AsSpan<uint>();
        for (int i = 0; i < batch.OutputRows.Length; i++)
        {
            rows[i] = (uint)batch.OutputRows[i];
        }
        var shape = new StepShape(
            batch.Tokens.Length, batch.OutputRows.Length, batch.Segments.Length, positions);
        Params.AsSpan<StepParams>()[0] = new StepParams
        {
            TokenCount = (uint)shape.Tokens,
            RowCount = (uint)shape.Rows,
            SegmentCount = (uint)shape.Segments,
            PositionCount = (uint)shape.Positions,
        };
        return shape;
    }

    private static (long Tokens, long Segments, long Rows, long End) Layout(
        ExecutorOptions options)
    {
        long tokens = Align(SizeOf<StepParams>(1));
        long segments = Align(tokens + SizeOf<TokenInfo>(options.MaxBatchTokens));
        long rows = Align(segments + SizeOf<SegmentInfo>(options.Slots));
        return (tokens, segments, rows, Align(rows + SizeOf<uint>(options.MaxLogitsRows)));
    }

    private static unsafe long SizeOf<T>(long count)
        where T : unmanaged => count * sizeof(T);

    private static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
