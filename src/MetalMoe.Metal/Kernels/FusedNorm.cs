using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// An RMS norm right before the operation that reads it. The family that gets it either does it
/// inside its own kernel or lowers it first (<c>RmsNormKernels.Lower(norm.Op, lowering)</c>).
/// </summary>
/// <param name="Op">The norm.</param>
/// <param name="OutputNeeded">True when later operations read its output too, so that the rows
/// must be written and not only used.</param>
internal sealed record FusedNorm(RmsNorm Op, bool OutputNeeded);
