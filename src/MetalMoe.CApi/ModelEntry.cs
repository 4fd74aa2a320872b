namespace MetalMoe.CApi;

/// <summary>A model behind a handle, and how many sessions of it are open.</summary>
internal sealed class ModelEntry(MoeModel model)
{
    private readonly Lock _gate = new();
    private int _openSessions;
    private bool _isFreed;

    /// <exception cref="CallException">It was freed, or as many sessions are open as can be.
    /// </exception>
    public SessionEntry Open()
    {
        lock (_gate)
        {
            if (_isFreed)
            {
                throw Freed("open");
            }
            try
            {
                var session = new SessionEntry(this, model, model.CreateSession());
                _openSessions++;
                return session;
            }
            catch (InvalidOperationException error)
            {
                throw new CallException(Status.Busy, error.Message);
            }
        }
    }

    public void Forget()
    {
        lock (_gate)
        {
            _openSessions--;
        }
    }

    /// <exception cref="CallException">Sessions are open, or it was freed.</exception>
    public void Free()
    {
        lock (_gate)
        {
            if (_isFreed)
            {
                throw Freed("free");
            }
            if (_openSessions > 0)
            {
                throw new CallException(Status.Busy,
                    $"[free] model: {_openSessions} sessions are open; close them first");
            }
            _isFreed = true;
        }
        model.Dispose();
    }

    private static CallException Freed(string function) => new(Status.InvalidArgument,
        $"[{function}] model: expected an open model, got a freed one");
}
