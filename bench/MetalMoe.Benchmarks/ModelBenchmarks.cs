using BenchmarkDotNet.Attributes;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Benchmarks;

/// <summary>
/// The bundled model as a whole: a prompt of 512 tokens, and single tokens after it. Times are
/// per token. Allocation is measured too: decoding must not allocate.
/// </summary>
[Config(typeof(WithTokensPerSecond))]
[MemoryDiagnoser(displayGenColumns: false)]
public class ModelBenchmarks
{
    private const int PromptLength = 512;
    private const int DecodeLength = 64;

    private readonly StepBatch _batch = new();
    private readonly int[] _tokens = new int[PromptLength + DecodeLength];
    private GgufFile? _file;
    private IDevice? _device;
    private IExecutor? _executor;

    /// <summary>File name below models/.</summary>
    [Params("tiny-qwen35moe-q4_k_m.gguf", "tiny-qwen35moe-q8_0.gguf")]
    public string Model { get; set; } = "";

    /// <summary>Threads, 0 for all processors.</summary>
    [Params(1, 0)]
    public int Threads { get; set; }

    /// <summary>Loads the model and fills the context once.</summary>
    [GlobalSetup]
    public void Load()
    {
        _file = GgufFile.Open(Path.Combine(ModelFolder(), Model));
        _device = DeviceCatalog.Open(DeviceCatalog.Default, Threads);
        _executor = _device.CreateExecutor(ModelCatalog.Load(_file).Plan, new ExecutorOptions
        {
            ContextLength = _tokens.Length,
            MaxBatchTokens = PromptLength,
            MaxLogitsRows = 1,
        });
        var random = new Random(1);
        for (int i = 0; i < _tokens.Length; i++)
        {
            _tokens[i] = random.Next(_executor.Plan.VocabularySize);
        }
        Prefill();
    }

    /// <summary>Frees everything.</summary>
    [GlobalCleanup]
    public void Unload()
    {
        _executor?.Dispose();
        _device?.Dispose();
        _file?.Dispose();
    }

    /// <summary>A prompt in one step, from an empty slot.</summary>
    [Benchmark(OperationsPerInvoke = PromptLength)]
    public void Prefill()
    {
        _executor!.ResetSlot(0);
        Step(0, PromptLength);
    }

    /// <summary>
    /// Tokens 512 to 575, one a step. The recurrent state goes on from round to round; what it
    /// holds changes no time.
    /// </summary>
    [Benchmark(OperationsPerInvoke = DecodeLength)]
    public void Decode()
    {
        for (int i = 0; i < DecodeLength; i++)
        {
            Step(PromptLength + i, 1);
        }
    }

    private void Step(int position, int count)
    {
        _batch.Clear();
        _batch.Add(0, position, _tokens.AsSpan(position, count), LogitsMode.Last);
        _executor!.Execute(_batch, CancellationToken.None);
    }

    // Benchmarks run in a folder of their own below the project's output.
    private static string ModelFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory);
            folder is not null;
            folder = folder.Parent)
        {
            string models = Path.Combine(folder.FullName, "models");
            if (File.Exists(Path.Combine(folder.FullName, "MetalMoe.sln")))
            {
                return models;
            }
        }
        throw new DirectoryNotFoundException($"no MetalMoe.sln above {AppContext.BaseDirectory}");
    }
}
