using MetalMoe.Core;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Engine;

/// <summary>
/// What a session holds: the tokens that ran, the tokens that wait for the next request, and the
/// device state. Either the engine's thread works on it (a request is active) or the session
/// does (none is); the session's gate makes sure that it is never both.
/// </summary>
internal sealed class SessionState
{
    private readonly List<int> _ran = [];
    private readonly List<int> _waiting = [];
    private Sequence? _sequence;
    private SequenceCheckpoint? _checkpoint;
    private bool _resetPending;

    public Sequence Sequence => _sequence!;

    /// <summary>Tokens in the device state.</summary>
    public IReadOnlyList<int> Ran => _ran;

    /// <summary>Tokens that the next request runs first.</summary>
    public IReadOnlyList<int> Waiting => _waiting;

    public int Count => _ran.Count + _waiting.Count;

    public void Append(ReadOnlySpan<int> tokens) => _waiting.AddRange(tokens);

    /// <summary>Forgets everything; the device state follows with the next request.</summary>
    public void Reset()
    {
        _ran.Clear();
        _waiting.Clear();
        _checkpoint = null;
        _resetPending = true;
    }

    /// <summary>
    /// Makes the tokens of the session equal to <paramref name="tokens"/> and keeps as much of
    /// the device state as agrees with them: recurrent state can only go back to a checkpoint.
    /// </summary>
    /// <returns>How many tokens need not run again.</returns>
    public int Rebase(ReadOnlySpan<int> tokens)
    {
        int common = 0;
        int limit = Math.Min(tokens.Length - 1, _ran.Count);
        while (common < limit && _ran[common] == tokens[common])
        {
            common++;
        }
        if (common < _ran.Count)
        {
            common = _checkpoint is { } saved && saved.Position <= common ? saved.Position : 0;
            _ran.RemoveRange(common, _ran.Count - common);
            _resetPending = true;
            _checkpoint = common == 0 ? null : _checkpoint;
        }
        _waiting.Clear();
        _waiting.AddRange(tokens[common..]);
        return common;
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

    /// <summary>Remembers this place, for <see cref="RollBack"/>.</summary>
    public void Mark() => _checkpoint = _ran.Count == 0 ? null : Sequence.Save();

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
        int kept = _checkpoint?.Position ?? 0;
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
        if (_checkpoint is null)
        {
            _sequence.Reset();
        }
        else
        {
            _sequence.Restore(_checkpoint);
        }
    }
}
