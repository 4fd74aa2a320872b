using MetalMoe.Server.Http;

namespace MetalMoe.Server.Inference;

/// <summary>
/// The model's sessions, lent to one request at a time. A request gets the free session that
/// knows most of its prompt already; when none is free it waits in line, first come first
/// served, and when the line is full it is refused.
/// </summary>
internal sealed class SessionPool(MoeModel model, int queueLength) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<PooledSession> _idle = [];
    private readonly LinkedList<TaskCompletionSource<PooledSession>> _line = [];
    private int _created;
    private bool _isDisposed;

    /// <summary>Sessions that work for a request.</summary>
    public int ActiveCount
    {
        get
        {
            lock (_gate)
            {
                return _created - _idle.Count;
            }
        }
    }

    /// <summary>Requests in line.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_gate)
            {
                return _line.Count;
            }
        }
    }

    /// <summary>Takes a session and gives it the prompt.</summary>
    /// <exception cref="ApiException">The line is full.</exception>
    /// <exception cref="OperationCanceledException">Cancelled in line.</exception>
    public async ValueTask<SessionLease> RentAsync(
        int[] prompt, CancellationToken cancellationToken)
    {
        var session = TakeFree(prompt, out var place)
            ?? await WaitAsync(place!, cancellationToken).ConfigureAwait(false);
        try
        {
            int cached = session.Session.SetTokens(prompt);
            return new SessionLease(this, session, cached);
        }
        catch
        {
            Return(session);
            throw;
        }
    }

    /// <summary>Ends the sessions; those at work are ended when they come back.</summary>
    public async ValueTask DisposeAsync()
    {
        PooledSession[] idle;
        TaskCompletionSource<PooledSession>[] line;
        lock (_gate)
        {
            _isDisposed = true;
            idle = [.. _idle];
            line = [.. _line];
            _idle.Clear();
            _line.Clear();
        }
        foreach (var waiting in line)
        {
            waiting.TrySetException(ApiException.Stopping());
        }
        foreach (var session in idle)
        {
            await session.Session.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Takes a session back and hands it to the first in line.</summary>
    internal void Return(PooledSession session)
    {
        session.Remember();
        lock (_gate)
        {
            if (!_isDisposed)
            {
                while (_line.First is { } first)
                {
                    _line.RemoveFirst();
                    if (first.Value.TrySetResult(session))
                    {
                        return;
                    }
                }
                _idle.Add(session);
                return;
            }
        }
        session.Session.Dispose();
    }

    private PooledSession? TakeFree(
        int[] prompt, out LinkedListNode<TaskCompletionSource<PooledSession>>? place)
    {
        place = null;
        lock (_gate)
        {
            if (_isDisposed)
            {
                throw ApiException.Stopping();
            }
            if (_line.Count == 0 && TakeIdleOrNew(prompt) is { } session)
            {
                return session;
            }
            if (_line.Count >= queueLength)
            {
                throw ApiException.Busy(
                    TimeSpan.FromSeconds(1 + (_line.Count / model.MaxSessions)));
            }
            place = _line.AddLast(new TaskCompletionSource<PooledSession>(
                TaskCreationOptions.RunContinuationsAsynchronously));
            return null;
        }
    }

    private PooledSession? TakeIdleOrNew(int[] prompt)
    {
        // On a tie the session that has been idle longest.
        var best = _idle.MaxBy(session => session.CommonLength(prompt));
        bool continues = best is not null && best.Continues(prompt);
        if (!continues && _created < model.MaxSessions)
        {
            _created++;
            return new PooledSession(model.CreateSession());
        }
        if (best is not null)
        {
            _idle.Remove(best);
        }
        return best;
    }

    private async Task<PooledSession> WaitAsync(
        LinkedListNode<TaskCompletionSource<PooledSession>> place,
        CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(() =>
        {
            lock (_gate)
            {
                if (place.List is not null)
                {
                    _line.Remove(place);
                }
            }
            place.Value.TrySetCanceled(cancellationToken);
        }).ConfigureAwait(false);
        return await place.Value.Task.ConfigureAwait(false);
    }
}
