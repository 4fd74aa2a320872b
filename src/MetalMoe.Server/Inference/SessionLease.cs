namespace MetalMoe.Server.Inference;

/// <summary>A session lent to a request, with its prompt waiting in it.</summary>
/// <param name="pool">Where it goes back to.</param>
/// <param name="session">The session.</param>
/// <param name="cachedTokens">Tokens of the prompt that need not run again.</param>
internal sealed class SessionLease(SessionPool pool, PooledSession session, int cachedTokens)
    : IDisposable
{
    private int _isReturned;

    public Session Session => session.Session;

    public int CachedTokens => cachedTokens;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isReturned, 1) == 0)
        {
            pool.Return(session);
        }
    }
}
