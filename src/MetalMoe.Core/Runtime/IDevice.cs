using MetalMoe.Core.Plan;

namespace MetalMoe.Core.Runtime;

/// <summary>Storage format of the key/value cache.</summary>
public enum CacheFormat
{
    /// <summary>IEEE binary16, the default.</summary>
    F16,

    /// <summary>IEEE binary32.</summary>
    F32,
}

/// <summary>What an executor is built for; it allocates everything once from these numbers.
/// </summary>
public sealed record ExecutorOptions
{
    /// <summary>S: positions a slot can hold.</summary>
    public required int ContextLength { get; init; }

    /// <summary>T: most tokens in one step.</summary>
    public int MaxBatchTokens { get; init; } = 512;

    /// <summary>R: most rows of logits in one step.</summary>
    public int MaxLogitsRows { get; init; } = 64;

    /// <summary>Sequences that can hold state at the same time.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Format of keys and values in the cache.</summary>
    public CacheFormat CacheFormat { get; init; } = CacheFormat.F16;

    /// <summary>Checks every number; devices call it before they allocate.</summary>
    /// <param name="device">The device's name, for the message.</param>
    /// <exception cref="MetalMoeException">A number is out of range.</exception>
    public void Validate(string device)
    {
        Check(ContextLength >= 1, device, "context length", ContextLength);
        Check(MaxBatchTokens is >= 1 and <= 65536, device, "batch", MaxBatchTokens);
        Check(MaxLogitsRows >= 1, device, "logits rows", MaxLogitsRows);
        Check(Slots is >= 1 and <= 4096, device, "slots", Slots);
    }

    private static void Check(bool holds, string device, string option, int found)
    {
        if (!holds)
        {
            throw new MetalMoeException($"[{device}] {option}: {found} is out of range");
        }
    }
}

/// <summary>Bytes an executor holds beside the mapped weights.</summary>
public sealed record ExecutorMemory(long CacheBytes, long StateBytes, long ScratchBytes);

/// <summary>A place where plans run.</summary>
public interface IDevice : IDisposable
{
    /// <summary>Name as on the command line: <c>cpu</c>, <c>metal</c>, <c>softmetal</c>.</summary>
    string Name { get; }

    /// <summary>One line on what it is: instruction set, threads, chip.</summary>
    string Description { get; }

    /// <summary>Lowers the plan to kernels and allocates cache, state and scratch memory.</summary>
    /// <exception cref="MetalMoeException">The plan or the options cannot run here.</exception>
    IExecutor CreateExecutor(ModelPlan plan, ExecutorOptions options);
}

/// <summary>
/// A plan lowered for one device, with the state of its slots. One thread at a time may use it.
/// </summary>
public interface IExecutor : IDisposable
{
    /// <summary>The plan this executor runs.</summary>
    ModelPlan Plan { get; }

    /// <summary>The options it was built with.</summary>
    ExecutorOptions Options { get; }

    /// <summary>What it holds beside the weights.</summary>
    ExecutorMemory Memory { get; }

    /// <summary>
    /// Runs one step: every segment's tokens are appended to its slot. On cancellation the
    /// slots of the batch are undefined and must be reset by the caller.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled between two operations.</exception>
    void Execute(StepBatch batch, CancellationToken cancellationToken);

    /// <summary>
    /// Logits [V] of row <paramref name="outputRow"/> (counted over the rows that the last step
    /// asked for), valid until the next step.
    /// </summary>
    ReadOnlySpan<float> GetLogits(int outputRow);

    /// <summary>Empties a slot: recurrent state zero, cache length zero.</summary>
    void ResetSlot(int slot);

    /// <summary>Copies the first <paramref name="length"/> positions and the whole recurrent
    /// state from one slot to another.</summary>
    void CopySlot(int source, int destination, int length);

    /// <summary>Bytes of one slot's recurrent state.</summary>
    long RecurrentStateBytes { get; }

    /// <summary>Copies a slot's recurrent state out (a checkpoint to come back to).</summary>
    void SaveRecurrentState(int slot, Span<byte> destination);

    /// <summary>Puts a saved recurrent state back into a slot.</summary>
    void LoadRecurrentState(int slot, ReadOnlySpan<byte> source);
}
