namespace MetalMoe.Core.Runtime;

/// <summary>
/// Turns the pending tokens of many sequences into steps: schedule, run, complete. Sequences
/// that decode (one pending token) go first so that streams do not stall; what is left of the
/// step, but no more than the prompt chunk while others decode, is filled with chunks of prompts
/// that take turns. Not thread-safe: one thread drives it.
/// </summary>
public sealed class Scheduler : IDisposable
{
    private readonly List<Sequence> _sequences = [];
    private readonly List<(Sequence Sequence, int Count)> _scheduled = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly StepBatch _batch = new();
    private readonly int _promptChunk;
    private int _turn;

    /// <summary>Takes over the executor and its slots; disposing the scheduler disposes it.
    /// </summary>
    /// <param name="executor">The device side.</param>
    /// <param name="promptChunk">Most prompt tokens in a step in which other sequences decode:
    /// what a stream waits for while prompts run.</param>
    public Scheduler(IExecutor executor, int promptChunk = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(executor);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(promptChunk);
        Executor = executor;
        _promptChunk = promptChunk;
        for (int slot = executor.Options.Slots - 1; slot >= 0; slot--)
        {
            _freeSlots.Push(slot);
        }
    }

    /// <summary>The device side.</summary>
    public IExecutor Executor { get; }

    /// <summary>Slots that no sequence holds.</summary>
    public int FreeSlots => _freeSlots.Count;

    /// <summary>True while a sequence has pending tokens.</summary>
    public bool HasWork => _sequences.Exists(s => s.PendingCount > 0);

    /// <summary>Tokens of all sequences in the last step.</summary>
    public int LastStepTokens { get; private set; }

    /// <summary>Opens an empty sequence.</summary>
    /// <exception cref="InvalidOperationException">All slots are taken.</exception>
    public Sequence Open()
    {
        var sequence = Take();
        Executor.ResetSlot(sequence.Slot);
        return sequence;
    }

    /// <summary>Opens a sequence with a copy of another's settled state.</summary>
    /// <exception cref="InvalidOperationException">
    /// All slots are taken, or the source has pending tokens or is broken.
    /// </exception>
    public Sequence Fork(Sequence source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.IsBroken || source.PendingCount > 0)
        {
            throw new InvalidOperationException("[sequence] only a settled state can be forked");
        }
        var sequence = Take();
        Executor.CopySlot(source.Slot, sequence.Slot, source.Position);
        sequence.StartAs(source);
        return sequence;
    }

    /// <summary>
    /// Runs one step and delivers its logits.
    /// </summary>
    /// <returns>False when nothing was pending.</returns>
    /// <exception cref="OperationCanceledException">
    /// Cancelled inside the step; the sequences of the step are broken.
    /// </exception>
    public bool Step(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Schedule();
        if (_scheduled.Count == 0)
        {
            return false;
        }
        try
        {
            Executor.Execute(_batch, cancellationToken);
        }
        catch
        {
            // Part of the operations ran: cache and recurrent state are between two tokens.
            foreach (var (sequence, _) in _scheduled)
            {
                sequence.Break();
            }
            throw;
        }
        Complete();
        return true;
    }

    /// <summary>Disposes the executor; open sequences become unusable.</summary>
    public void Dispose() => Executor.Dispose();

    internal void Close(Sequence sequence)
    {
        _sequences.Remove(sequence);
        _freeSlots.Push(sequence.Slot);
    }

    private Sequence Take()
    {
        if (!_freeSlots.TryPop(out int slot))
        {
            throw new InvalidOperationException(
                $"[scheduler] all {Executor.Options.Slots} slots are taken");
        }
        var sequence = new Sequence(this, slot);
        _sequences.Add(sequence);
        return sequence;
    }

    private void Schedule()
    {
        _batch.Clear();
        _scheduled.Clear();
        int tokens = Executor.Options.MaxBatchTokens;
        int rows = Executor.Options.MaxLogitsRows;
        foreach (var sequence in _sequences)
        {
            if (sequence.PendingCount == 1)
            {
                Add(sequence, ref tokens, ref rows);
            }
        }
        int decoding = _scheduled.Count;
        tokens = decoding == 0 ? tokens : Math.Min(tokens, _promptChunk);
        int first = _turn;
        for (int i = 0; i < _sequences.Count; i++)
        {
            int index = (i + first) % _sequences.Count;
            if (_sequences[index].PendingCount > 1)
            {
                bool isFirst = _scheduled.Count == decoding;
                Add(_sequences[index], ref tokens, ref rows);
                // The next step begins behind the prompt that this one began with: idle
                // sequences in between give nobody a second turn.
                _turn = isFirst && _scheduled.Count > decoding ? index + 1 : _turn;
            }
        }
    }

    private void Add(Sequence sequence, ref int tokens, ref int rows)
    {
        int count = Math.Min(sequence.PendingCount, tokens);
        LogitsMode mode = sequence.Mode;
        if (mode == LogitsMode.All)
        {
            count = Math.Min(count, rows);
        }
        else if (mode == LogitsMode.Last)
        {
            bool reachesLast = count == sequence.PendingCount;
            if (reachesLast && rows == 0)
            {
                count--;
                reachesLast = false;
            }
            mode = reachesLast ? LogitsMode.Last : LogitsMode.None;
        }
        if (count <= 0)
        {
            return;
        }
        _batch.Add(sequence.Slot, sequence.Position, sequence.Pending(count), mode);
        _scheduled.Add((sequence, count));
        tokens -= count;
        rows -= mode == LogitsMode.All ? count : mode == LogitsMode.Last ? 1 : 0;
    }

    private void Complete()
    {
        LastStepTokens = 0;
        int output = 0;
        foreach (var (sequence, count) in _scheduled)
        {
            int first = sequence.Position;
            LogitsMode mode = sequence.Mode;
            LastStepTokens += count;
            sequence.Advance(count);
            int rows = mode switch
            {
                LogitsMode.All => count,
                LogitsMode.Last when sequence.PendingCount == 0 => 1,
                _ => 0,
            };
            var sink = sequence.Sink;
            for (int i = count - rows; i < count; i++)
            {
                sink!.OnLogits(first + i, Executor.GetLogits(output));
                output++;
            }
        }
    }
}
