using System.Globalization;
using MetalMoe.Core.Runtime;
using MetalMoe.Oracle.Tests.Reference;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>Where an engine routed a position differently from the reference.</summary>
/// <param name="Noise">How far the engine's router probabilities typically are from the
/// reference's: the median over layers and positions of the largest difference in a row.</param>
/// <param name="NearTies">Positions where some router's margin is below that noise, so that the
/// engine may well choose another expert.</param>
/// <param name="Flips">Positions where some layer did choose another expert.</param>
public sealed record Routing(double Noise, int NearTies, int Flips)
{
    /// <summary>Compares an engine's routers with the reference's.</summary>
    public static Routing Of(ReferenceRun reference, EngineTrace engine)
    {
        if (reference.Routes.Count == 0)
        {
            return new Routing(0, 0, 0);
        }
        int tokens = reference.Logits.Length;
        var noise = new List<double>();
        var flipped = new HashSet<int>();
        foreach (var (layer, routes) in reference.Routes)
        {
            for (int t = 0; t < tokens; t++)
            {
                float[] p = engine.Routers[layer][t];
                noise.Add(routes[t].Probabilities.Zip(p, (a, b) => Math.Abs(a - b)).Max());
                if (!engine.Experts(layer, t).SetEquals(routes[t].Experts))
                {
                    flipped.Add(t);
                }
            }
        }
        noise.Sort();
        double level = noise[noise.Count / 2];
        int ties = Enumerable.Range(0, tokens)
            .Count(t => reference.SmallestMargin(t) < level);
        return new Routing(level, ties, flipped.Count);
    }
}

/// <summary>One row of the table: both engines against the reference and each other.</summary>
public sealed record ModelComparison(
    ComparisonCase Case, Divergence Ours, Routing OurRouting,
    Divergence? Llama, Routing? LlamaRouting, Divergence? Between)
{
    /// <summary>Head of the table.</summary>
    public const string Header =
        "model                      quant  | ours to reference                     "
        + "| llama.cpp to reference                | between the engines         "
        + "| near-ties/flips\n"
        + "                                  | max abs  KL median  p99      max       "
        + "| max abs  KL median  p99      max       | KL median  p99      max       "
        + "| ours    llama.cpp";

    /// <summary>The bar for the engines' median divergence. Two engines cannot be expected to
    /// be nearer to each other than one of them is to the truth.</summary>
    public double Bar => Math.Max(Case.Bar, 1.1 * (Llama?.Median ?? 0));

    /// <summary>Runs all engines over the same tokens.</summary>
    public static ModelComparison Run(ComparisonCase model, string folder)
    {
        string path = model.Materialize(folder);
        var referenceModel = new ReferenceModel(path);
        int[] tokens = model.Trained is null
            ? TestTexts.RandomTokens(
                referenceModel.VocabularySize, Feeding.TotalLength, unchecked((int)model.Seed))
            : TestTexts.MobyDickTokens(path, Feeding.TotalLength);
        ReferenceRun? reference = null;
        EngineTrace? ours = null;
        EngineTrace? llama = null;
        Parallel.Invoke(
            () => reference = referenceModel.Run(tokens),
            () =>
            {
                using var engine = new ProductEngine(path, threads: 1);
                ours = engine.Trace(
                    tokens, model.Float32Cache ? CacheFormat.F32 : CacheFormat.F16);
            },
            () =>
            {
                if (model.LlamaCannot is null)
                {
                    llama = LlamaEngine.Run(path, tokens, model.Float32Cache);
                }
            });
        double[][] ourLogits = Divergence.Widen(ours!.Logits);
        double[][]? llamaLogits = llama is null ? null : Divergence.Widen(llama.Logits);
        return new ModelComparison(
            model,
            Divergence.Of(reference!.Logits, ourLogits),
            Routing.Of(reference, ours),
            llamaLogits is null ? null : Divergence.Of(reference.Logits, llamaLogits),
            llama is null ? null : Routing.Of(reference, llama),
            llamaLogits is null ? null : Divergence.Of(ourLogits, llamaLogits));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string row = string.Create(CultureInfo.InvariantCulture,
            $"{Case.Name,-26} {Case.Quant,-6} | {Columns(Ours)} ");
        row += Llama is null
            ? $"| {"no llama.cpp: " + Case.LlamaCannot,-68}"
            : string.Create(CultureInfo.InvariantCulture,
                $"| {Columns(Llama)} | {Between!.Median,9:E2}  {Between.P99:E1}  "
                + $"{Between.Max:E1} ");
        row += string.Create(CultureInfo.InvariantCulture,
            $"| {OurRouting.NearTies}/{OurRouting.Flips}");
        if (LlamaRouting is not null)
        {
            row += string.Create(CultureInfo.InvariantCulture,
                $"  {LlamaRouting.NearTies}/{LlamaRouting.Flips}");
        }
        return Bar > Case.Bar
            ? row + string.Create(CultureInfo.InvariantCulture,
                $"  (bar {Bar:E1}: 1.1 x llama.cpp's own distance)")
            : row;
    }

    private static string Columns(Divergence d) => string.Create(CultureInfo.InvariantCulture,
        $"{d.MaxAbsolute:E1} {d.Median,9:E2}  {d.P99:E1}  {d.Max:E1}");
}
