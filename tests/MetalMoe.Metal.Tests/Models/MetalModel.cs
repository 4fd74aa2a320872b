using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using MetalMoe.Cpu;
using MetalMoe.Metal.Interop;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>A model file on the Metal device and on the CPU, which judges it.</summary>
internal sealed class MetalModel : IDisposable
{
    private readonly GgufFile _file;
    private readonly MetalContext _context;
    private readonly KernelLibrary _kernels;
    private readonly CpuDevice _cpu = new();
    private readonly string? _temporary;

    private MetalModel(string path, bool temporary, bool checks)
    {
        _temporary = temporary ? path : null;
        _file = GgufFile.Open(path);
        Plan = ModelCatalog.Load(_file).Plan;
        _context = MetalContext.Create();
        if (checks && _context.IsSoftware)
        {
            _context.SetChecks(new MmChecks { Memory = 1, Hazards = 1 });
        }
        _kernels = new KernelLibrary(_context);
    }

    public ModelPlan Plan { get; }

    public MetalContext Context => _context;

    /// <summary>Opens a bundled model; ignores the test where there is no device.</summary>
    public static MetalModel Bundled(string name, bool checks = false)
    {
        RequireDevice();
        return new MetalModel(
            Path.Combine(ShimHeader.Root(), "models", name), temporary: false, checks);
    }

    /// <summary>Writes and opens a random model.</summary>
    public static MetalModel Random(SynthesisShape shape, string quant, bool checks = false)
    {
        RequireDevice();
        string path = Path.Combine(
            TestContext.CurrentContext.WorkDirectory, $"random-{Guid.NewGuid():n}.gguf");
        ModelSynthesizer.Write(
            path, new SynthesisOptions { Shape = shape, Quant = quant, Seed = 7 },
            progress: null, CancellationToken.None);
        return new MetalModel(path, temporary: true, checks);
    }

    public MetalExecutor OnMetal(
        int context, CacheFormat cache = CacheFormat.F16, int slots = 1, int batch = 64) =>
        new(Plan, Options(context, cache, slots, batch), _context, _kernels);

    public IExecutor OnCpu(
        int context, CacheFormat cache = CacheFormat.F16, int slots = 1, int batch = 64) =>
        _cpu.CreateExecutor(Plan, Options(context, cache, slots, batch));

    /// <summary>Token ids that are all different from the special ones at the start.</summary>
    public int[] Tokens(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, Plan.VocabularySize))];
    }

    public void Dispose()
    {
        _kernels.Dispose();
        _context.Dispose();
        _cpu.Dispose();
        _file.Dispose();
        if (_temporary is not null)
        {
            File.Delete(_temporary);
        }
    }

    private static ExecutorOptions Options(
        int context, CacheFormat cache, int slots, int batch) => new()
        {
            ContextLength = context,
            CacheFormat = cache,
            Slots = slots,
            MaxBatchTokens = batch,
            MaxLogitsRows = batch,
        };

    private static void RequireDevice()
    {
        if (MetalContext.Unavailable() is { } reason)
        {
            Assert.Ignore(reason);
        }
    }
}
