namespace MetalMoe;

/// <summary>A conversation as the model reads it, up to where it answers.</summary>
/// <param name="Tokens">Token ids.</param>
/// <param name="StartsInReasoning">The prompt ends inside <c>&lt;think&gt;</c>: the answer begins
/// with thoughts.</param>
public sealed record ChatPrompt(IReadOnlyList<int> Tokens, bool StartsInReasoning);
