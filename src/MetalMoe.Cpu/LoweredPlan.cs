using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu;

/// <summary>The kernels of a plan in order and all memory they use.</summary>
internal sealed class LoweredPlan(
    CpuKernel[] kernels, KeyValueCache[] caches, RecurrentState[] states, Rows logits,
    IReadOnlyList<IDisposable> owned, long scratchBytes) : IDisposable
{
    public CpuKernel[] Kernels { get; } = kernels;

    public KeyValueCache[] Caches { get; } = caches;

    public RecurrentState[] States { get; } = states;

    /// <summary>Logits [R, V].</summary>
    public Rows Logits { get; } = logits;

    public long ScratchBytes { get; } = scratchBytes;

    public void Dispose()
    {
        foreach (IDisposable item in owned)
        {
            item.Dispose();
        }
    }
}
