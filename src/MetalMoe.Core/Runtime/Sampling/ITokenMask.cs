namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>Says which tokens one sequence may take next; what it is made of is not the
/// sampler's business.</summary>
public interface ITokenMask
{
    /// <summary>The tokens that may come next: bit t % 64 of word t / 64. Never empty.</summary>
    ReadOnlySpan<ulong> Allowed { get; }

    /// <summary>Goes on behind a token that was allowed.</summary>
    void Accept(int token);
}
