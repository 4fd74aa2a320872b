using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;

namespace MetalMoe.Core.Models;

/// <summary>A model file whose weights are bound and whose plan is built.</summary>
/// <param name="File">The mapped file; it must outlive the plan, whose weights point into it.
/// </param>
/// <param name="Plan">What one step does.</param>
public sealed record LoadedModel(GgufFile File, ModelPlan Plan);
