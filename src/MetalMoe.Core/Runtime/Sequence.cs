using System.Runtime.InteropServices;

namespace MetalMoe.Core.Runtime;

/// <summary>A saved place in a sequence: its length and its recurrent state.</summary>
public sealed class SequenceCheckpoint
{
    internal SequenceCheckpoint(Sequence owner, byte[] recurrentState)
    {
        Owner = owner;
        Position = owner.Position;
        RecurrentState = recurrentState;
    }

    /// <summary>Tokens in the state when it was saved.</summary>
    public int Position { get; }

    internal Sequence Owner { get; }

    internal byte[] RecurrentState { get; }
}

/// <summary>
/// One conversation's state on a device: a slot, how many tokens it holds, and the run of
/// tokens that still has to be appended. Not thread-safe; it belongs to its scheduler's thread.
/// </summary>
public sealed class Sequence : IDisposable
{
    private readonly Scheduler _scheduler;
    private readonly List<int> _pending = [];
    private readonly List<(Sequence Sequence, int Position)> _ancestors = [];
    private int _consumed;
    private int _highWater;

    internal Sequence(Scheduler scheduler, int slot)
    {
        _scheduler = scheduler;
        Slot = slot;
    }

    /// <summary>The device slot.</summary>
    public int Slot { get; }

    /// <summary>Tokens in the state.</summary>
    public int Position { get; private set; }

    /// <summary>Tokens appended and not yet run.</summary>
    public int PendingCount => _pending.Count - _consumed;

    /// <summary>
    /// True after a step with this sequence failed or was cancelled: the state is undefined and
    /// must be reset or restored before the next append.
    /// </summary>
    public bool IsBroken { get; private set; }

    internal LogitsMode Mode { get; private set; }

    internal ILogitsSink? Sink { get; private set; }

    internal bool IsClosed { get; private set; }

    /// <summary>Queues a run of tokens after the current state.</summary>
    /// <param name="tokens">Token ids, at least one.</param>
    /// <param name="logits">Which of them need logits.</param>
    /// <param name="sink">Who gets the logits; required unless the mode is None.</param>
    /// <exception cref="MetalMoeException">The context length would be exceeded.</exception>
    /// <exception cref="InvalidOperationException">
    /// The previous run has not finished, or the sequence is broken or closed.
    /// </exception>
    public void Append(ReadOnlySpan<int> tokens, LogitsMode logits, ILogitsSink? sink)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (IsBroken || PendingCount > 0)
        {
            throw new InvalidOperationException(IsBroken
                ? "[sequence] a step failed: reset or restore the sequence first"
                : $"[sequence] {PendingCount} tokens of the previous run are still pending");
        }
        if (tokens.IsEmpty || (logits != LogitsMode.None && sink is null))
        {
            throw new ArgumentException("[sequence] expected tokens, and a sink for logits");
        }
        int limit = _scheduler.Executor.Options.ContextLength;
        if (tokens.Length > limit - Position)
        {
            throw new MetalMoeException(
                $"[sequence] context: expected at most {limit} tokens, got {Position} + "
                + $"{tokens.Length}; use a larger context length");
        }
        _pending.Clear();
        _consumed = 0;
        _pending.AddRange(tokens);
        Mode = logits;
        Sink = sink;
    }

    /// <summary>Empties the sequence.</summary>
    public void Reset()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        _scheduler.Executor.ResetSlot(Slot);
        _ancestors.Clear();
        Clear(position: 0);
    }

    /// <summary>Saves the current place (no run may be pending).</summary>
    public SequenceCheckpoint Save()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (IsBroken || PendingCount > 0)
        {
            throw new InvalidOperationException("[sequence] only a settled state can be saved");
        }
        var state = new byte[checked((int)_scheduler.Executor.RecurrentStateBytes)];
        _scheduler.Executor.SaveRecurrentState(Slot, state);
        return new SequenceCheckpoint(this, state);
    }

    /// <summary>
    /// Goes back to a saved place of this sequence, or of the one it was forked from if it was
    /// saved before. Cached keys and values up to there are still in the slot as long as the
    /// sequence was not reset since, so only the recurrent state is put back.
    /// </summary>
    public void Restore(SequenceCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ObjectDisposedException.ThrowIf(IsClosed, this);
        bool isOwn = checkpoint.Owner == this || _ancestors.Exists(
            a => a.Sequence == checkpoint.Owner && a.Position >= checkpoint.Position);
        if (!isOwn || checkpoint.Position > _highWater)
        {
            throw new ArgumentException(
                "[sequence] the checkpoint is of another sequence or from before a reset");
        }
        _scheduler.Executor.LoadRecurrentState(Slot, checkpoint.RecurrentState);
        Clear(checkpoint.Position);
    }

    /// <summary>Frees the slot.</summary>
    public void Dispose()
    {
        if (!IsClosed)
        {
            IsClosed = true;
            _scheduler.Close(this);
        }
    }

    internal ReadOnlySpan<int> Pending(int count) =>
        CollectionsMarshal.AsSpan(_pending).Slice(_consumed, count);

    internal void Advance(int count)
    {
        _consumed += count;
        Position += count;
        _highWater = Position;
    }

    internal void Break()
    {
        _pending.Clear();
        _consumed = 0;
        IsBroken = true;
    }

    /// <summary>Begins as a copy of another sequence.</summary>
    internal void StartAs(Sequence source)
    {
        _ancestors.AddRange(source._ancestors);
        _ancestors.Add((source, source.Position));
        Clear(source.Position);
    }

    private void Clear(int position)
    {
        _pending.Clear();
        _consumed = 0;
        Position = position;
        _highWater = position;
        IsBroken = false;
        Sink = null;
    }
}
