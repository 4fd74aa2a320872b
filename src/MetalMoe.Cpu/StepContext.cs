using MetalMoe.Core.Runtime;

namespace MetalMoe.Cpu;

/// <summary>
/// One step as the kernels see it: tokens with their positions and slots in flat arrays that are
/// allocated once for the largest step.
/// </summary>
internal sealed class StepContext(int maxTokens, int maxOutputRows, int slots)
{
    private readonly StepSegment[] _segments = new StepSegment[slots];

    /// <summary>Counts steps; what is computed once a step compares it.</summary>
    public long Version { get; private set; }

    /// <summary>T.</summary>
    public int TokenCount { get; private set; }

    /// <summary>R.</summary>
    public int OutputCount { get; private set; }

    public int SegmentCount { get; private set; }

    public int[] TokenIds { get; } = new int[maxTokens];

    public int[] Positions { get; } = new int[maxTokens];

    public int[] Slots { get; } = new int[maxTokens];

    /// <summary>Token rows that need logits.</summary>
    public int[] OutputRows { get; } = new int[maxOutputRows];

    public StepSegment Segment(int index) => _segments[index];

    public void Load(StepBatch batch)
    {
        Version++;
        TokenCount = batch.Tokens.Length;
        SegmentCount = batch.Segments.Length;
        OutputCount = batch.OutputRows.Length;
        batch.Tokens.CopyTo(TokenIds);
        batch.Segments.CopyTo(_segments);
        batch.OutputRows.CopyTo(OutputRows);
        foreach (var segment in batch.Segments)
        {
            for (int i = 0; i < segment.TokenCount; i++)
            {
                Positions[segment.FirstToken + i] = segment.Position + i;
                Slots[segment.FirstToken + i] = segment.Slot;
            }
        }
    }
}
