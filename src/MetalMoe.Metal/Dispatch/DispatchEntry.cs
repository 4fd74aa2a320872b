using MetalMoe.Metal.Kernels;

namespace MetalMoe.Metal.Dispatch;

/// <summary>What the host keeps of a dispatch beside its record.</summary>
/// <param name="Operation">Name of the plan's operation, for reports.</param>
/// <param name="Kernel">The kernel's spec.</param>
/// <param name="Pipeline">The compiled kernel.</param>
/// <param name="Grid">Threadgroups for a step.</param>
/// <param name="Threads">Threads of a threadgroup.</param>
/// <param name="ThreadgroupBytes">Threadgroup memory at index 0.</param>
internal sealed record DispatchEntry(
    string Operation, KernelSpec Kernel, Pipeline Pipeline, GridRule Grid, int Threads,
    int ThreadgroupBytes);
