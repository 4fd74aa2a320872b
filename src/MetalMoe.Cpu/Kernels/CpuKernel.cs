using MetalMoe.Cpu.Threads;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// One parallel loop of the lowered plan. <see cref="Prepare"/> runs on the calling thread and
/// says into how many units the step's work is cut; the units then run on the pool.
/// </summary>
internal abstract class CpuKernel(string name) : IUnitWork
{
    /// <summary>Operation and phase, for profiles and messages.</summary>
    public string Name { get; } = name;

    /// <summary>Takes what it needs of the step and returns its number of units.</summary>
    public abstract int Prepare(StepContext step);

    public abstract void Run(int unit, int worker);

    /// <summary>Units of at most <paramref name="size"/> items that cover
    /// <paramref name="count"/>.</summary>
    protected static int UnitsOf(int count, int size) => (count + size - 1) / size;
}
