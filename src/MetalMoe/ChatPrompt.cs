namespace MetalMoe;

/// <summary>A conversation as the model reads it, up to where it answers.</summary>
/// <param name="Tokens">Token ids, for <see cref="Session.SetTokens"/>.</param>
/// <param name="StartsInReasoning">The prompt ends inside <c>&lt;think&gt;</c>: the answer begins
/// with thoughts.</param>
public sealed record ChatPrompt(int[] Tokens, bool StartsInReasoning)
{
    /// <summary>The prompt as text. Do not encode it: a message may read like a control token.
    /// </summary>
    public required string Text { get; init; }

    /// <summary>How many of the tokens are messages; the rest invites the model to answer. The
    /// next turn of a conversation usually begins with the same messages.</summary>
    public required int ConversationLength { get; init; }
}
