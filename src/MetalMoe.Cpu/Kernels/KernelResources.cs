using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>What kernels take from the executor while the plan is lowered.</summary>
internal sealed record KernelResources(
    int Threads, int MaxTokens, WorkerScratch Scratch, int[] Identity);
