using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime;

/// <summary>
/// A device whose "recurrent state" is the list of tokens it was fed, so that the state after
/// any schedule can be compared with what was appended. Logits are (token, position).
/// </summary>
internal sealed class FakeExecutor(ExecutorOptions options) : IExecutor
{
    private readonly List<(int Token, int Position)> _outputs = [];

    public List<int>[] Slots { get; } =
        [.. Enumerable.Range(0, options.Slots).Select(_ => new List<int>())];

    /// <summary>Segments of every step: (slot, tokens).</summary>
    public List<(int Slot, int Count)[]> Steps { get; } = [];

    /// <summary>Makes the next step fail.</summary>
    public Exception? Failure { get; set; }

    public ModelPlan Plan { get; } = new PlanBuilder().Build("fake", 1, 2, 100);

    public ExecutorOptions Options => options;

    public ExecutorMemory Memory => new(0, 0, 0);

    public long RecurrentStateBytes => sizeof(int);

    public void Execute(StepBatch batch, CancellationToken cancellationToken)
    {
        if (Failure is { } failure)
        {
            Failure = null;
            throw failure;
        }
        Assert.That(batch.Tokens.Length, Is.InRange(1, options.MaxBatchTokens));
        Assert.That(batch.OutputRows.Length, Is.LessThanOrEqualTo(options.MaxLogitsRows));
        _outputs.Clear();
        int[] positions = new int[batch.Tokens.Length];
        foreach (StepSegment segment in batch.Segments)
        {
            Assert.That(segment.Position, Is.EqualTo(Slots[segment.Slot].Count), "position");
            for (int i = 0; i < segment.TokenCount; i++)
            {
                positions[segment.FirstToken + i] = segment.Position + i;
                Slots[segment.Slot].Add(batch.Tokens[segment.FirstToken + i]);
            }
        }
        foreach (int row in batch.OutputRows)
        {
            _outputs.Add((batch.Tokens[row], positions[row]));
        }
        Steps.Add([.. batch.Segments.ToArray().Select(s => (s.Slot, s.TokenCount))]);
    }

    public ReadOnlySpan<float> GetLogits(int outputRow) =>
        new float[] { _outputs[outputRow].Token, _outputs[outputRow].Position };

    public void ResetSlot(int slot) => Slots[slot].Clear();

    public void CopySlot(int source, int destination, int length)
    {
        Slots[destination].Clear();
        Slots[destination].AddRange(Slots[source].Take(length));
    }

    public void SaveRecurrentState(int slot, Span<byte> destination) =>
        BitConverter.TryWriteBytes(destination, Slots[slot].Count);

    public void LoadRecurrentState(int slot, ReadOnlySpan<byte> source)
    {
        int count = BitConverter.ToInt32(source);
        Slots[slot].RemoveRange(count, Slots[slot].Count - count);
    }

    public void Dispose()
    {
    }
}

/// <summary>Keeps what it is given, after checking that the logits are of that position.</summary>
internal sealed class RecordingSink : ILogitsSink
{
    public List<(int Position, int Token)> Rows { get; } = [];

    public void OnLogits(int position, ReadOnlySpan<float> logits)
    {
        Assert.That((int)logits[1], Is.EqualTo(position));
        Rows.Add((position, (int)logits[0]));
    }
}
