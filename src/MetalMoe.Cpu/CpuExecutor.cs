using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Threads;

namespace MetalMoe.Cpu;

/// <summary>A plan lowered to CPU kernels, with the caches and states of its slots.</summary>
internal sealed unsafe class CpuExecutor : IExecutor
{
    private readonly WorkerPool _pool;
    private readonly StepContext _step;
    private readonly LoweredPlan _lowered;
    private readonly long _tokenIds;
    private bool _disposed;

    public CpuExecutor(ModelPlan plan, ExecutorOptions options, WorkerPool pool)
    {
        options.Validate("cpu");
        Plan = plan;
        _tokenIds = plan.CountTokenIds();
        Options = options;
        _pool = pool;
        _step = new StepContext(options.MaxBatchTokens, options.MaxLogitsRows, options.Slots);
        _lowered = new PlanLowering(plan, options, pool.ThreadCount).Lower();
        RecurrentStateBytes = _lowered.States.Sum(s => s.BytesPerSlot);
    }

    public ModelPlan Plan { get; }

    public ExecutorOptions Options { get; }

    public ExecutorMemory Memory => new(
        _lowered.Caches.Sum(c => c.ByteCount), _lowered.States.Sum(s => s.ByteCount),
        _lowered.ScratchBytes);

    public long RecurrentStateBytes { get; }

    public void Execute(StepBatch batch, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(batch);
        batch.Validate(Options, _tokenIds);
        _step.Load(batch);
        foreach (CpuKernel kernel in _lowered.Kernels)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int units = kernel.Prepare(_step);
            if (units > 0)
            {
                _pool.Run(kernel, units);
            }
        }
    }

    public ReadOnlySpan<float> GetLogits(int outputRow)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(outputRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(outputRow, _step.OutputCount);
        return new(_lowered.Logits.Row(outputRow), Plan.VocabularySize);
    }

    public void ResetSlot(int slot)
    {
        CheckSlot(slot);
        foreach (RecurrentState state in _lowered.States)
        {
            new Span<byte>(state.Slot(slot), checked((int)state.BytesPerSlot)).Clear();
        }
    }

    public void CopySlot(int source, int destination, int length)
    {
        CheckSlot(source);
        CheckSlot(destination);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Options.ContextLength);
        foreach (KeyValueCache cache in _lowered.Caches)
        {
            cache.CopySlot(source, destination, length);
        }
        foreach (RecurrentState state in _lowered.States)
        {
            Buffer.MemoryCopy(
                state.Slot(source), state.Slot(destination), state.BytesPerSlot,
                state.BytesPerSlot);
        }
    }

    public void SaveRecurrentState(int slot, Span<byte> destination)
    {
        CheckSlot(slot);
        CheckStateLength(destination.Length);
        foreach (RecurrentState state in _lowered.States)
        {
            var source = new ReadOnlySpan<byte>(state.Slot(slot), (int)state.BytesPerSlot);
            source.CopyTo(destination);
            destination = destination[source.Length..];
        }
    }

    public void LoadRecurrentState(int slot, ReadOnlySpan<byte> source)
    {
        CheckSlot(slot);
        CheckStateLength(source.Length);
        foreach (RecurrentState state in _lowered.States)
        {
            int length = (int)state.BytesPerSlot;
            source[..length].CopyTo(new Span<byte>(state.Slot(slot), length));
            source = source[length..];
        }
    }

    public void Dispose()
    {
        _disposed = true;
        _lowered.Dispose();
    }

    private void CheckSlot(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, Options.Slots);
    }

    private void CheckStateLength(int length)
    {
        if (length != RecurrentStateBytes)
        {
            throw new ArgumentException(
                $"[state] expected {RecurrentStateBytes} bytes, got {length}");
        }
    }
}
