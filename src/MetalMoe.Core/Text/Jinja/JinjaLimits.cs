namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// What one rendering may spend. Templates come with downloaded models, so they are not trusted:
/// every loop, string and recursion is counted, and reaching a bound ends the rendering with a
/// <see cref="JinjaException"/> of kind <see cref="JinjaErrorKind.Limit"/>.
/// </summary>
public sealed record JinjaLimits
{
    /// <summary>The defaults: generous for a megabyte of conversation, seconds at worst.</summary>
    public static JinjaLimits Default { get; } = new();

    /// <summary>
    /// Evaluated nodes, list elements visited and, at a discount, characters scanned.
    /// </summary>
    public long MaxSteps { get; init; } = 10_000_000;

    /// <summary>Bytes of strings and collections made in total, kept or not.</summary>
    public long MaxAllocatedBytes { get; init; } = 256L << 20;

    /// <summary>Characters of the rendered text.</summary>
    public int MaxOutputLength { get; init; } = 16 << 20;

    /// <summary>Nested macro calls, blocks and expressions, and levels of nested data.</summary>
    public int MaxDepth { get; init; } = 1000;

    /// <summary>Elements of one <c>range</c>; Jinja2's sandbox has the same bound.</summary>
    public int MaxRange { get; init; } = 100_000;

    /// <summary>Bits of one integer.</summary>
    public int MaxIntegerBits { get; init; } = 4096;
}
