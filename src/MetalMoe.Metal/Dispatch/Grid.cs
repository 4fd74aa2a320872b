namespace MetalMoe.Metal.Dispatch;

/// <summary>The numbers of a step that the size of a grid may depend on.</summary>
/// <param name="Tokens">T.</param>
/// <param name="Rows">R: rows of logits.</param>
/// <param name="Segments">Sequences in the step.</param>
/// <param name="Positions">S: positions of the longest sequence after the step.</param>
internal readonly record struct StepShape(int Tokens, int Rows, int Segments, int Positions);

/// <summary>Threadgroups of a dispatch. With a zero the dispatch is skipped.</summary>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Threadgroups that cover <paramref name="count"/> when each takes
    /// <paramref name="each"/>.</summary>
    public static int Cover(long count, int each) => checked((int)((count + each - 1) / each));
}

/// <summary>The grid of one dispatch for a step; the only thing of it that changes.</summary>
internal delegate Grid GridRule(StepShape step);

/// <summary>Which list of dispatches a step takes.</summary>
internal enum StepForm
{
    /// <summary>At most <see cref="DispatchForms.MaxDecodeTokens"/> tokens: matrix times few
    /// vectors.</summary>
    Decode,

    /// <summary>More: tiled matrix products.</summary>
    Prefill,
}

/// <summary>Where the two forms part.</summary>
internal static class DispatchForms
{
    public const int MaxDecodeTokens = 8;

    public static StepForm Of(int tokens) =>
        tokens <= MaxDecodeTokens ? StepForm.Decode : StepForm.Prefill;
}
