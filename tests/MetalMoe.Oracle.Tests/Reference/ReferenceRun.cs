namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>What one routed layer decided at one position.</summary>
/// <param name="Experts">The chosen experts, best first.</param>
/// <param name="Probabilities">Router probabilities [E].</param>
/// <param name="Margin">Gap between the last chosen and the best rejected probability; infinite
/// when nothing is rejected.</param>
public sealed record ReferenceRoute(int[] Experts, double[] Probabilities, double Margin);

/// <summary>Everything the comparisons want from a reference pass over T tokens.</summary>
/// <param name="Logits">[T][V].</param>
/// <param name="Routes">By layer, [T] each; empty for a dense model.</param>
public sealed record ReferenceRun(
    double[][] Logits, IReadOnlyDictionary<int, ReferenceRoute[]> Routes)
{
    /// <summary>The smallest router margin of a position over all layers.</summary>
    public double SmallestMargin(int position) =>
        Routes.Count == 0
            ? double.PositiveInfinity
            : Routes.Values.Min(layer => layer[position].Margin);
}
