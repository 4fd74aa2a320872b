using System.Runtime.InteropServices;

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>Owns a <c>llama_context*</c> and keeps its model alive.</summary>
internal sealed class LlamaContextHandle : SafeHandle
{
    private LlamaModelHandle? _model;

    public LlamaContextHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Keeps the model alive as long as this context.</summary>
    public void KeepAlive(LlamaModelHandle model)
    {
        bool added = false;
        model.DangerousAddRef(ref added);
        _model = added ? model : null;
    }

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_free(handle);
        _model?.DangerousRelease();
        return true;
    }
}

/// <summary>How a llama.cpp context computes.</summary>
public sealed record LlamaContextOptions
{
    /// <summary>Positions the cache holds.</summary>
    public int ContextLength { get; init; } = 512;

    /// <summary>Most tokens in one decode call, and in one graph.</summary>
    public int BatchSize { get; init; } = 512;

    /// <summary>Threads. They spin while they wait for each other, so more than one is slow
    /// on a machine that is busy.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Keys and values in binary32 instead of binary16.</summary>
    public bool Float32Cache { get; init; }

    /// <summary>Fused attention on or off; null lets llama.cpp decide.</summary>
    public bool? FlashAttention { get; init; }

    /// <summary>Gets to see the experts that every layer chose.</summary>
    public RouterProbe? Probe { get; init; }
}

/// <summary>One sequence of a model in llama.cpp: its cache, its state, its logits.</summary>
public sealed unsafe class LlamaContext : IDisposable
{
    private const int TypeF32 = 0;
    private const int TypeF16 = 1;

    private readonly LlamaContextHandle _handle;
    private readonly LlamaModel _model;
    private readonly RouterProbe? _probe;

    /// <summary>Builds a context over a model.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp refuses.</exception>
    public LlamaContext(LlamaModel model, LlamaContextOptions options)
    {
        _model = model;
        _probe = options.Probe;
        var parameters = LlamaNative.llama_context_default_params();
        parameters.ContextLength = (uint)options.ContextLength;
        parameters.BatchSize = (uint)options.BatchSize;
        parameters.MicroBatchSize = (uint)options.BatchSize;
        parameters.MaxSequences = 1;
        parameters.Threads = options.Threads;
        parameters.BatchThreads = options.Threads;
        parameters.KeyType = options.Float32Cache ? TypeF32 : TypeF16;
        parameters.ValueType = parameters.KeyType;
        parameters.FlashAttention = options.FlashAttention switch
        {
            null => -1,
            false => 0,
            true => 1,
        };
        if (_probe is not null)
        {
            parameters.EvalCallback = RouterProbe.Callback;
            parameters.EvalState = (void*)_probe.State;
        }
        _handle = LlamaNative.llama_init_from_model(model.Handle, parameters);
        if (_handle.IsInvalid)
        {
            throw new InvalidOperationException(
                $"llama.cpp cannot make a context: {LlamaNative.LastError}");
        }
        _handle.KeepAlive(model.Handle);
    }

    /// <summary>Forgets everything: position 0, empty cache, zero state.</summary>
    public void Clear() =>
        LlamaNative.llama_memory_clear(LlamaNative.llama_get_memory(_handle), 1);

    /// <summary>Appends tokens at a position.</summary>
    /// <param name="tokens">Token ids [T].</param>
    /// <param name="position">Position of the first one.</param>
    /// <param name="wantsLogits">Which rows get logits; null for every row.</param>
    /// <exception cref="InvalidOperationException">llama.cpp reports a failure.</exception>
    public void Decode(
        ReadOnlySpan<int> tokens, int position, Func<int, bool>? wantsLogits = null)
    {
        int count = tokens.Length;
        int[] positions = new int[count];
        int[] sequenceCounts = new int[count];
        nint[] sequences = new nint[count];
        sbyte[] outputs = new sbyte[count];
        int sequence = 0;
        for (int i = 0; i < count; i++)
        {
            positions[i] = position + i;
            sequenceCounts[i] = 1;
            sequences[i] = (nint)(&sequence);
            outputs[i] = wantsLogits is null || wantsLogits(i) ? (sbyte)1 : (sbyte)0;
        }
        int status;
        fixed (int* tokenPointer = tokens, positionPointer = positions, counts = sequenceCounts)
        fixed (nint* sequencePointer = sequences)
        fixed (sbyte* outputPointer = outputs)
        {
            status = LlamaNative.llama_decode(_handle, new LlamaBatch
            {
                TokenCount = count,
                Tokens = tokenPointer,
                Positions = positionPointer,
                SequenceCounts = counts,
                SequenceIds = (int**)sequencePointer,
                Outputs = outputPointer,
            });
        }
        _probe?.ThrowIfFailed();
        if (status != 0)
        {
            throw new InvalidOperationException(
                $"llama_decode returned {status}: {LlamaNative.LastError}");
        }
    }

    /// <summary>Logits [V] of a row of the last call (its index in that call's tokens).</summary>
    public ReadOnlySpan<float> Logits(int row)
    {
        float* logits = LlamaNative.llama_get_logits_ith(_handle, row);
        return logits is null
            ? throw new InvalidOperationException($"row {row} has no logits")
            : new ReadOnlySpan<float>(logits, _model.VocabularySize);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
