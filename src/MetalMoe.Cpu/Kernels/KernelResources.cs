using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>What kernels take from the executor while the plan is lowered.</summary>
internal sealed unsafe class KernelResources : IDisposable
{
    private readonly NativeBuffer _identity;
    private readonly LinearScratch[] _linear;

    public KernelResources(
        int threads, int maxTokens, int maxRows, int maxColumns, WorkerScratch scratch)
    {
        Threads = threads;
        MaxTokens = maxTokens;
        Scratch = scratch;
        _linear = [.. Enumerable.Range(0, threads).Select(_ => new LinearScratch(maxColumns))];
        _identity = new NativeBuffer((long)maxRows * sizeof(int));
        for (int i = 0; i < maxRows; i++)
        {
            _identity.Ints[i] = i;
        }
    }

    public int Threads { get; }

    /// <summary>Most tokens of a step.</summary>
    public int MaxTokens { get; }

    public WorkerScratch Scratch { get; }

    /// <summary>Working memory of one worker's products.</summary>
    public LinearScratch Linear(int worker) => _linear[worker];

    /// <summary>Activation rows [first, first + count).</summary>
    public RowSet Rows(int first, int count) => new(_identity.Ints + first, count);

    public void Dispose()
    {
        _identity.Dispose();
        foreach (LinearScratch scratch in _linear)
        {
            scratch.Dispose();
        }
    }
}
