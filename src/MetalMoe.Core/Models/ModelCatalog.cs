using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Models;

/// <summary>
/// Architecture name to plan. Every architecture file adds itself with a static field of this
/// partial class whose initialiser calls <c>Register</c>, so no list elsewhere changes. (The
/// order of such initialisers is undefined: the dictionary is created by the first of them.)
/// </summary>
public static partial class ModelCatalog
{
    private static Dictionary<string, Func<GgufFile, WeightMap, ModelPlan>>? s_builders;

    /// <summary>The names of all architectures, GGUF's words, sorted.</summary>
    public static IReadOnlyList<string> Architectures =>
        [.. s_builders!.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Binds the weights of an opened file and builds its plan.</summary>
    /// <exception cref="MetalMoeException">
    /// The architecture is unknown, or a key or tensor is missing or has the wrong shape.
    /// </exception>
    public static LoadedModel Load(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        string architecture = file.Metadata.GetString("general.architecture");
        if (!s_builders!.TryGetValue(architecture, out var build))
        {
            throw new ModelException(
                $"[load] general.architecture: expected one of {string.Join(", ", Architectures)}, "
                + $"got {architecture} ({file.Path})");
        }
        return new LoadedModel(file, build(file, new WeightMap(file)));
    }

    private static bool Register(
        string architecture, Func<GgufFile, WeightMap, ModelPlan> build)
    {
        s_builders ??= new(StringComparer.Ordinal);
        s_builders.Add(architecture, build);
        return true;
    }
}
