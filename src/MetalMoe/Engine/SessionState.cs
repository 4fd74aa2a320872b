using MetalMoe.Core;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Engine;

/// <summary>
/// What a session holds: the tokens that ran, the tokens that wait for the next request, and the
/// device state. Either the engine's thread works on it (a request is active) or the session
/// does (none is); the session's gate makes sure that it is never both.
/// </summary>
/// <param name="maxCheckpoints">Places that going back can start from, at least one.</param>
internal sealed class SessionState(int maxCheckpoints)
{
    private readonly List<int> _ran = [];
    private readonly List<int> _waiting = [];

    // By position, lowest first; the last one is where the running request began.
    private readonly List<SequenceCheckpoint> _checkpoints = [];
    private Sequence? _sequence;
    private bool _resetPending;

    public Sequence Sequence => _sequence!;

    /// <summary>Tokens in the device state.</summary>
    public IReadOnlyList<int> Ran => _ran;

    /// <summary>Tokens that the next request runs first.</summary>
    public IReadOnlyList<int> Waiting => _waiting;

    public int Count => _ran.Count + _waiting.Count;

    private int LastPosition => _checkpoints.Count == 0 ? 0 : _checkpoints[^1].Position;

    public void Append(ReadOnlySpan<int> tokens) => _waiting.AddRange(tokens);

    /// <summary>Forgets everything; the device state follows with the next request.</summary>
    public void Reset()
    {
        _ran.Clear();
        _waiting.Clear();
        _checkpoints.Clear();
        _resetPending = true;
    }

    /// <summary>
    /// Makes the tokens of the session equal to <paramref name="tokens"/> and keeps as much of
    /// the device state as agrees with them: recurrent state can only go back to a checkpoint.
    /// </summary>
    /// <returns>How many tokens need not run again.</returns>
    public int Rebase(ReadOnlySpan<int> tokens)
    {
        int kept = CountReusable(tokens);
        if (kept < _ran.Count)
        {
            _ran.RemoveRange(kept, _ran.Count - kept);
            _checkpoints.RemoveAll(c => c.Position > kept);
            _resetPending = true;
        }
        _waiting.Clear();
        _waiting.AddRange(tokens[kept..]);
        return kept;
    }

    /// <summary>What <see cref="Rebase"/> would return.</summary>
    public int CountReusable(ReadOnlySpan<int> tokens)
    {
        // The last token has to run in any case: its logits are wanted.
        int limit = Math.Min(tokens.Length - 1, _ran.Count);
        int common = 0;
        while (common < limit && _ran[common] == tokens[common])
        {
            common++;
        }
        return common == _ran.Count
            ? common : _checkpoints.FindLast(c => c.Position <= common)?.Position ?? 0;
    }

    // From here on: the engine's thread.

    /// <summary>Opens the sequence if need be and puts the device state where the tokens are.
    /// </summary>
    public void Settle(Scheduler scheduler)
    {
        _sequence ??= scheduler.Open();
        if (_resetPending)
        {
            GoBack();
            _resetPending = false;
        }
    }

    /// <summary>Remembers this place, for <see cref="RollBack"/> and <see cref="Rebase"/>.
    /// </summary>
    public void Mark()
    {
        if (_ran.Count == 0 || (_checkpoints.Count > 0 && _checkpoints[^1].Position == _ran.Count))
        {
            return;
        }
        if (_checkpoints.Count == maxCheckpoints)
        {
            // The first place is the one that most conversations share; the others age.
            _checkpoints.RemoveAt(maxCheckpoints > 2 ? 1 : 0);
        }
        _checkpoints.Add(Sequence.Save());
    }

    /// <summary>Becomes a copy of another session, device state included.</summary>
    public void CopyFrom(SessionState source, Scheduler scheduler)
    {
        if (source._sequence is not null)
        {
            source.Settle(scheduler);
            _sequence = scheduler.Fork(source._sequence);
        }
        _ran.AddRange(source._ran);
        _waiting.AddRange(source._waiting);
        _checkpoints.AddRange(source._checkpoints);
    }

    /// <summary>The first <paramref name="count"/> waiting tokens have run.</summary>
    public void MarkRun(int count)
    {
        _ran.AddRange(_waiting.GetRange(0, count));
        _waiting.RemoveRange(0, count);
    }

    /// <summary>After an abandoned run: the place of the last mark, the run waits again.</summary>
    public void RollBack()
    {
        if (_sequence is { IsBroken: false, PendingCount: 0 })
        {
            return;
        }
        int kept = LastPosition;
        _waiting.InsertRange(0, _ran.GetRange(kept, _ran.Count - kept));
        _ran.RemoveRange(kept, _ran.Count - kept);
        GoBack();
    }

    public void Close()
    {
        _sequence?.Dispose();
        _sequence = null;
    }

    private void GoBack()
    {
        if (_sequence is null)
        {
            return;
        }
        if (_checkpoints.Count == 0)
        {
            _sequence.Reset();
        }
        else
        {
            _sequence.Restore(_checkpoints[^1]);
        }
    }
}
