using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal;

/// <summary>A plan lowered to Metal dispatches, with the caches and states of its slots.</summary>
internal sealed class MetalExecutor : IExecutor
{
    private readonly MetalContext _context;
    private readonly long _tokenIds;
    private readonly KernelLibrary _kernels;
    private readonly PlanMemory _memory;
    private readonly DispatchList _decode;
    private readonly DispatchList _few;
    private readonly DispatchList? _prefill;
    private int _outputCount;
    private bool _disposed;

    public MetalExecutor(
        ModelPlan plan, ExecutorOptions options, MetalContext context, KernelLibrary kernels)
    {
        options.Validate("metal");
        Plan = plan;
        _tokenIds = plan.CountTokenIds();
        Options = options;
        _context = context;
        _kernels = kernels;
        _memory = new PlanMemory(context, plan, options);
        try
        {
            _decode = Lower(StepForm.Decode, singleToken: true);
            _few = options.MaxBatchTokens > 1 ? Lower(StepForm.Decode) : _decode;
            if (options.MaxBatchTokens > DispatchForms.MaxDecodeTokens)
            {
                _prefill = Lower(StepForm.Prefill);
            }
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
        Memory = new ExecutorMemory(_memory.CacheBytes, _memory.StateBytes, _memory.ScratchBytes);
        RecurrentStateBytes = _memory.States.Sum(s => s.BytesPerSlot);
    }

    public ModelPlan Plan { get; }

    public ExecutorOptions Options { get; }

    public ExecutorMemory Memory { get; }

    public long RecurrentStateBytes { get; }

    /// <summary>The memory the dispatches bind.</summary>
    public PlanMemory DeviceMemory => _memory;

    /// <summary>The dispatches of a form of step; for decode those of a single token.</summary>
    public DispatchList Dispatches(StepForm form) =>
        form == StepForm.Decode ? _decode : _prefill ?? _few;

    public void Execute(StepBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Execute(batch, report: null);
    }

    /// <summary>Runs a step and reports what each dispatch cost.</summary>
    /// <param name="batch">The step.</param>
    /// <param name="report">Made for the list that the step takes, or null.</param>
    /// <returns>The numbers its grids were made of.</returns>
    public StepShape Execute(StepBatch batch, DispatchReport? report)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(batch);
        batch.Validate(Options, _tokenIds);
        StepShape shape = _memory.Step.Fill(batch);
        _context.Run(ListFor(shape.Tokens), shape, report);
        _outputCount = shape.Rows;
        return shape;
    }

    /// <summary>The list that a step of so many tokens takes.</summary>
    public DispatchList ListFor(int tokens) =>
        DispatchForms.Of(tokens) == StepForm.Decode && tokens > 1
            ? _few : Dispatches(DispatchForms.Of(tokens));

    public ReadOnlySpan<float> GetLogits(int outputRow)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(outputRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(outputRow, _outputCount);
        long bytes = (long)Plan.VocabularySize * sizeof(float);
        return _memory.Logits.Slice(outputRow * bytes, bytes).AsSpan<float>();
    }

    public void ResetSlot(int slot)
    {
        CheckSlot(slot);
        foreach (StateMemory state in _memory.States)
        {
            state.ConvolutionSlot(slot).Clear();
            state.DeltaSlot(slot).Clear();
        }
    }

    public void CopySlot(int source, int destination, int length)
    {
        CheckSlot(source);
        CheckSlot(destination);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Options.ContextLength);
        foreach (CacheMemory cache in _memory.Caches)
        {
            cache.CopySlot(source, destination, length);
        }
        foreach (StateMemory state in _memory.States)
        {
            state.ConvolutionSlot(source).CopyTo(state.ConvolutionSlot(destination));
            state.DeltaSlot(source).CopyTo(state.DeltaSlot(destination));
        }
    }

    public void SaveRecurrentState(int slot, Span<byte> destination)
    {
        CheckSlot(slot);
        CheckStateLength(destination.Length);
        foreach (StateMemory state in _memory.States)
        {
            destination = Save(state.ConvolutionSlot(slot), destination);
            destination = Save(state.DeltaSlot(slot), destination);
        }
    }

    public void LoadRecurrentState(int slot, ReadOnlySpan<byte> source)
    {
        CheckSlot(slot);
        CheckStateLength(source.Length);
        foreach (StateMemory state in _memory.States)
        {
            source = Load(state.ConvolutionSlot(slot), source);
            source = Load(state.DeltaSlot(slot), source);
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _memory.Dispose();
        }
    }

    private DispatchList Lower(StepForm form, bool singleToken = false) =>
        new Lowering(Plan, Options, form, _kernels, _memory, singleToken).Lower();

    private static Span<byte> Save(Span<byte> state, Span<byte> destination)
    {
        state.CopyTo(destination);
        return destination[state.Length..];
    }

    private static ReadOnlySpan<byte> Load(Span<byte> state, ReadOnlySpan<byte> source)
    {
        source[..state.Length].CopyTo(state);
        return source[state.Length..];
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
