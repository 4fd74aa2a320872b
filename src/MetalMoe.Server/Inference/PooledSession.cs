namespace MetalMoe.Server.Inference;

/// <summary>A session, and the tokens it holds while nobody uses it.</summary>
internal sealed class PooledSession(Session session)
{
    private int[] _tokens = [];

    public Session Session => session;

    /// <summary>How many tokens at the beginning of a prompt the session holds.</summary>
    public int CommonLength(ReadOnlySpan<int> prompt) =>
        prompt.CommonPrefixLength(_tokens);

    /// <summary>The prompt goes on from about where the session ended: the last token of an
    /// answer, which never ran, may differ.</summary>
    public bool Continues(ReadOnlySpan<int> prompt) =>
        _tokens.Length > 1 && CommonLength(prompt) >= _tokens.Length - 1;

    /// <summary>Looks at what the session holds now.</summary>
    public void Remember() => _tokens = session.GetTokens();
}
