using System.Runtime.InteropServices;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// <c>llama_model_params</c>. Layouts of this file follow <c>llama.h</c> of llama.cpp v0.5.0;
/// a C <c>bool</c> is a byte. The slack at the end takes what a longer struct of an unexpected
/// library would write past the fields, so that the check of the defaults can still speak.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaModelParams
{
    public nint Devices;
    public nint BufferTypeOverrides;
    public int GpuLayers;
    public int SplitMode;
    public int LoadMode;
    public int LazyMode;
    public int MainGpu;
    public nint TensorSplit;
    public nint ProgressCallback;
    public nint ProgressState;
    public nint KeyOverrides;
    public byte VocabularyOnly;
    public byte CheckTensors;
    public byte UseExtraBuffers;
    public byte NoHost;
    public byte NoAlloc;
    public byte LoadMtp;
    private fixed byte _slack[256];

    /// <summary>Whether the fields hold what v0.5.0 fills in.</summary>
    public readonly bool HasKnownDefaults =>
        Devices == 0 && BufferTypeOverrides == 0 && GpuLayers == -1 && SplitMode == 1
        && LoadMode == -1 && LazyMode == 1 && MainGpu == 0 && TensorSplit == 0
        && KeyOverrides == 0 && VocabularyOnly == 0 && CheckTensors == 0
        && UseExtraBuffers == 1 && NoHost == 0 && NoAlloc == 0 && LoadMtp == 0;
}

/// <summary><c>llama_context_params</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaContextParams
{
    public uint ContextLength;
    public uint BatchSize;
    public uint MicroBatchSize;
    public uint MaxSequences;
    public uint RecurrentSnapshots;
    public uint MaxOutputs;
    public uint MaxOutputsPerSequence;
    public int Threads;
    public int BatchThreads;
    public int ContextType;
    public int RopeScalingType;
    public int PoolingType;
    public int AttentionType;
    public int FlashAttention;
    public float RopeFrequencyBase;
    public float RopeFrequencyScale;
    public float YarnExtFactor;
    public float YarnAttentionFactor;
    public float YarnBetaFast;
    public float YarnBetaSlow;
    public uint YarnOriginalContext;
    public float DefragThreshold;
    public nint EvalCallback;
    public nint EvalState;
    public int KeyType;
    public int ValueType;
    public nint AbortCallback;
    public nint AbortState;
    public byte Embeddings;
    public byte OffloadKqv;
    public byte NoPerf;
    public byte OpOffload;
    public byte SwaFull;
    public byte UnifiedKv;
    public nint Samplers;
    public nuint SamplerCount;
    public nint OtherContext;
    private fixed byte _slack[256];

    /// <summary>Whether the fields hold what v0.5.0 fills in.</summary>
    public readonly bool HasKnownDefaults =>
        ContextLength == 512 && BatchSize == 2048 && MicroBatchSize == 512 && MaxSequences == 1
        && FlashAttention == -1 && YarnExtFactor == -1 && YarnBetaSlow == -1
        && DefragThreshold == -1 && EvalCallback == 0 && KeyType == 1 && ValueType == 1
        && AbortCallback == 0 && Embeddings == 0 && OffloadKqv == 1 && OpOffload == 1
        && Samplers == 0 && SamplerCount == 0 && OtherContext == 0;
}

/// <summary><c>llama_batch</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaBatch
{
    public int TokenCount;
    public int* Tokens;
    public float* Embeddings;
    public int* Positions;
    public int* SequenceCounts;
    public int** SequenceIds;
    public sbyte* Outputs;
}
