namespace MetalMoe.Chat;

/// <summary>
/// The sessions of a chat client. A request states its whole conversation; the pool gives it the
/// session that already holds most of it, so that only the rest has to run. Thread-safe.
/// </summary>
internal sealed class ChatSessionPool : IDisposable
{
    // Below this many tokens a copy costs more than to run them.
    private const int LeastToFork = 64;

    private readonly MoeModel _model;
    private readonly SemaphoreSlim _turns;
    private readonly Lock _gate = new();

    // Idle sessions, the one that was used longest ago first.
    private readonly List<Session> _idle = [];
    private readonly int _maxSessions;
    private int _open;
    private bool _isDisposed;

    public ChatSessionPool(MoeModel model, int maxSessions)
    {
        _model = model;
        _maxSessions = maxSessions;
        _turns = new SemaphoreSlim(maxSessions);
    }

    /// <summary>Waits for a session; give it back with <see cref="Return"/>.</summary>
    /// <param name="prompt">What it will be asked to hold.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="InvalidOperationException">The application itself holds all sessions of
    /// the model.</exception>
    public async Task<Session> RentAsync(int[] prompt, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var (session, isSource) = Take(prompt);
            return isSource ? await ForkAsync(session).ConfigureAwait(false) : session;
        }
        catch
        {
            _turns.Release();
            throw;
        }
    }

    /// <summary>Takes a session back, whatever happened to it.</summary>
    public void Return(Session session)
    {
        bool isLate;
        lock (_gate)
        {
            isLate = _isDisposed;
            if (!isLate)
            {
                _idle.Add(session);
            }
        }
        if (isLate)
        {
            session.Dispose();
        }
        _turns.Release();
    }

    /// <summary>Closes the sessions; those in use when they come back.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _idle.ForEach(session => session.Dispose());
            _idle.Clear();
        }
    }

    /// <summary>The session to use, or one that holds a long beginning of the prompt and belongs
    /// to another conversation, to be forked.</summary>
    private (Session Session, bool IsSource) Take(int[] prompt)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(MetalMoeChatClient));
            var best = _idle.MaxBy(session => session.CountReusable(prompt));
            int reusable = best?.CountReusable(prompt) ?? 0;
            // Most of the session agrees: it is this conversation's own.
            bool isOwn = best is not null && reusable > 0 && reusable * 2 >= best.TokenCount;
            bool hasPlace = _open < _maxSessions;
            if (best is not null && (isOwn || reusable >= LeastToFork))
            {
                bool isSource = !isOwn && hasPlace;
                _open += isSource ? 1 : 0;
                _idle.Remove(best);
                return (best, isSource);
            }
            if (hasPlace && _model.TryCreateSession() is { } fresh)
            {
                _open++;
                return (fresh, false);
            }
            if (_idle.Count == 0)
            {
                throw new InvalidOperationException("[chat] sessions: expected a free one, got "
                    + $"{_model.MaxSessions} open ones, held by the application");
            }
            var oldest = _idle[0];
            _idle.RemoveAt(0);
            return (oldest, false);
        }
    }

    private async Task<Session> ForkAsync(Session source)
    {
        Session fork;
        try
        {
            fork = await source.ForkAsync().ConfigureAwait(false);
        }
        catch (InvalidOperationException)
        {
            // The model has no place for a second one: the other conversation will run again.
            lock (_gate)
            {
                _open--;
            }
            return source;
        }
        lock (_gate)
        {
            if (!_isDisposed)
            {
                _idle.Add(source);
                return fork;
            }
        }
        source.Dispose();
        return fork;
    }
}
