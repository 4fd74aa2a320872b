using System.Diagnostics;
using System.Globalization;
using MetalMoe.Cli.Bench;
using MetalMoe.Core;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// llama.cpp with the settings its own programs choose: flash attention where it can, weights
/// repacked where it likes, a batch of 2048 in graphs of 512, a pool of threads that stays.
/// </summary>
internal sealed unsafe class LlamaCppEngine : IComparedEngine
{
    private readonly LlamaCppLibrary _library;
    private readonly int[] _positions;
    private readonly int[] _sequenceCounts;
    private readonly nint[] _sequenceIds;
    private readonly sbyte[] _outputs;
    private readonly int _batchSize;
    private nint _model;
    private nint _context;
    private int _position;
    private int _lastRow;

    /// <summary>Loads the model.</summary>
    /// <param name="library">The loaded library.</param>
    /// <param name="settings">What both engines get.</param>
    /// <param name="repack">Lets it copy weights into a layout it computes faster with, its
    /// default; a model that leaves no room for the copy needs it off.</param>
    /// <exception cref="MetalMoeException">llama.cpp refuses the file or the settings.
    /// </exception>
    public LlamaCppEngine(LlamaCppLibrary library, EngineSettings settings, bool repack)
    {
        _library = library;
        long start = Stopwatch.GetTimestamp();
        try
        {
            _model = LoadModel(settings.ModelPath, repack);
            LlamaContextParams parameters = ContextParameters(settings);
            _batchSize = checked((int)parameters.BatchSize);
            _context = library.ContextFromModel(_model, parameters);
            if (_context == 0)
            {
                throw new MetalMoeException(
                    $"[compare] llama.cpp: cannot make a context: {LlamaCppLibrary.LastError}");
            }
            nint pool = library.CreateThreadPool(settings.Threads);
            if (pool != 0)
            {
                library.AttachThreadPool(_context, pool, 0);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
        LoadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        VocabularySize = library.VocabularySize(library.Vocabulary(_model));
        _positions = new int[_batchSize];
        _sequenceCounts = new int[_batchSize];
        Array.Fill(_sequenceCounts, 1);
        _sequenceIds = new nint[_batchSize];
        _outputs = new sbyte[_batchSize];
        Settings = string.Create(
            CultureInfo.InvariantCulture,
            $"{settings.Threads} threads, cache {Numbers.Name(settings.CacheFormat)}, "
            + $"flash attention auto, "
            + $"repacking {(repack ? "on" : "off")}, batch {_batchSize}/512; "
            + $"{library.SystemInfo}");
    }

    /// <inheritdoc/>
    public string Name => "llama.cpp";

    /// <inheritdoc/>
    public string Version => _library.Version;

    /// <inheritdoc/>
    public string Settings { get; }

    /// <inheritdoc/>
    public double LoadSeconds { get; }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Logits
    {
        get
        {
            float* logits = _library.Logits(_context, _lastRow);
            return logits is null
                ? throw new UnreachableException("llama.cpp has no logits of the last row")
                : new ReadOnlySpan<float>(logits, VocabularySize);
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _library.MemoryClear(_library.Memory(_context), 1);
        _position = 0;
    }

    /// <inheritdoc/>
    public void Append(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        while (!tokens.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(tokens.Length, _batchSize);
            Decode(tokens[..count], withLogits: count == tokens.Length);
            tokens = tokens[count..];
        }
        _library.Synchronize(_context);
    }

    /// <summary>Frees context and model; the thread pool stays, it belongs to the library.
    /// </summary>
    public void Dispose()
    {
        if (_context != 0)
        {
            _library.ContextFree(_context);
            _context = 0;
        }
        if (_model != 0)
        {
            _library.ModelFree(_model);
            _model = 0;
        }
    }

    private nint LoadModel(string path, bool repack)
    {
        LlamaModelParams parameters = _library.ModelDefaults();
        parameters.UseExtraBuffers = repack ? (byte)1 : (byte)0;
        // The comparison is of the same device: no layer on a GPU.
        parameters.GpuLayers = 0;
        fixed (byte* name = LlamaCppLibrary.NullTerminated(path))
        {
            nint model = _library.ModelFromFile(name, parameters);
            return model != 0 ? model : throw new MetalMoeException(
                $"[compare] llama.cpp: cannot load the model: {LlamaCppLibrary.LastError} "
                + $"({path})");
        }
    }

    private LlamaContextParams ContextParameters(EngineSettings settings)
    {
        const int TypeF32 = 0;
        const int TypeF16 = 1;
        LlamaContextParams parameters = _library.ContextDefaults();
        parameters.ContextLength = (uint)settings.ContextLength;
        parameters.Threads = settings.Threads;
        parameters.BatchThreads = settings.Threads;
        parameters.KeyType = settings.CacheFormat switch
        {
            CacheFormat.F16 => TypeF16,
            CacheFormat.F32 => TypeF32,
            _ => throw new MetalMoeException(
                $"[compare] cache: expected f16 or f32, got {settings.CacheFormat}"),
        };
        parameters.ValueType = parameters.KeyType;
        return parameters;
    }

    private void Decode(ReadOnlySpan<int> tokens, bool withLogits)
    {
        int count = tokens.Length;
        int sequence = 0;
        for (int i = 0; i < count; i++)
        {
            _positions[i] = _position + i;
            _sequenceIds[i] = (nint)(&sequence);
            _outputs[i] = 0;
        }
        _lastRow = count - 1;
        _outputs[_lastRow] = withLogits ? (sbyte)1 : (sbyte)0;
        int status;
        fixed (int* ids = tokens, positions = _positions, counts = _sequenceCounts)
        fixed (nint* sequences = _sequenceIds)
        fixed (sbyte* outputs = _outputs)
        {
            status = _library.Decode(_context, new LlamaBatch
            {
                TokenCount = count,
                Tokens = ids,
                Positions = positions,
                SequenceCounts = counts,
                SequenceIds = (int**)sequences,
                Outputs = outputs,
            });
        }
        if (status != 0)
        {
            throw new MetalMoeException(
                $"[compare] llama.cpp: llama_decode returned {status}: "
                + LlamaCppLibrary.LastError);
        }
        _position += count;
    }
}
