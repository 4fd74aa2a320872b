using System.Runtime.InteropServices;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// All device memory of an executor, allocated once: windows over the mapped weights, caches,
/// recurrent state, activations, logits and what changes from step to step. Every activation has
/// a buffer of its own, so that a checking device sees a kernel leave its rows.
/// </summary>
internal sealed class PlanMemory : IDisposable
{
    private readonly MetalContext _context;
    private readonly DeviceBuffer[] _rows;
    private readonly Dictionary<(string Name, long Bytes), DeviceBuffer> _scratch = [];
    private readonly Dictionary<string, DeviceBuffer> _tables = [];
    private readonly List<IDisposable> _owned = [];

    public PlanMemory(MetalContext context, ModelPlan plan, ExecutorOptions options)
    {
        _context = context;
        try
        {
            Weights = Own(new WeightWindows(context, PlanWeights.Of(plan)));
            Step = new StepMemory(
                Own(context.CreateBuffer(StepMemory.ByteCount(options))), options);
            _rows = [.. plan.Buffers.Select(b => Own(context.CreateBuffer(
                checked((long)options.MaxBatchTokens * b.Columns * sizeof(float)))))];
            Caches = [.. plan.Caches.Select(c => new CacheMemory(
                Own(context.CreateBuffer(CacheMemory.ByteCount(c, options))), c, options))];
            States = [.. plan.RecurrentStates.Select(s => new StateMemory(
                Own(context.CreateBuffer(StateMemory.ByteCount(s, options.Slots))), s,
                options.Slots))];
            Logits = Own(context.CreateBuffer(checked(
                (long)options.MaxLogitsRows * plan.VocabularySize * sizeof(float)))).All;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public WeightWindows Weights { get; }

    public StepMemory Step { get; }

    public CacheMemory[] Caches { get; }

    public StateMemory[] States { get; }

    public BufferRef Logits { get; }

    public long CacheBytes => Caches.Sum(c => c.Keys.Length + c.Values.Length);

    public long StateBytes => States.Sum(s => s.BytesPerSlot * s.Slots);

    public long ScratchBytes => _rows.Sum(r => r.Length) + _scratch.Values.Sum(s => s.Length)
        + _tables.Values.Sum(t => t.Length) + Logits.Length + Step.Length;

    public BufferRef Rows(BufferId id) => _rows[id.Index].All;

    public BufferRef Scratch(string name, long bytes)
    {
        if (!_scratch.TryGetValue((name, bytes), out DeviceBuffer? buffer))
        {
            buffer = Own(_context.CreateBuffer(bytes));
            _scratch.Add((name, bytes), buffer);
        }
        return buffer.All;
    }

    /// <summary>A table that the host computes once, by name.</summary>
    public BufferRef Table<T>(string name, Func<T[]> values)
        where T : unmanaged
    {
        if (!_tables.TryGetValue(name, out DeviceBuffer? buffer))
        {
            T[] content = values();
            var bytes = MemoryMarshal.AsBytes<T>(content);
            buffer = Own(_context.CreateBuffer(bytes.Length));
            bytes.CopyTo(buffer.All.AsSpan<byte>());
            _tables.Add(name, buffer);
        }
        return buffer.All;
    }

    public void Dispose()
    {
        foreach (IDisposable item in _owned)
        {
            item.Dispose();
        }
        _owned.Clear();
    }

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
