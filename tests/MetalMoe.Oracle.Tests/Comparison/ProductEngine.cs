using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>Runs a model file in the product, on the CPU device.</summary>
public sealed class ProductEngine : IDisposable
{
    private readonly GgufFile _file;
    private readonly CpuDevice _device;

    /// <summary>Opens a model.</summary>
    public ProductEngine(string path, int threads = 0)
    {
        _file = GgufFile.Open(path);
        Plan = ModelCatalog.Load(_file).Plan;
        _device = new CpuDevice(new CpuDeviceOptions { Threads = threads });
    }

    /// <summary>The model's plan.</summary>
    public ModelPlan Plan { get; }

    /// <summary>An executor for one sequence; the caller disposes it.</summary>
    public IExecutor CreateExecutor(
        int contextLength, CacheFormat cache, int maxBatch = 512, ModelPlan? plan = null) =>
        _device.CreateExecutor(plan ?? Plan, new ExecutorOptions
        {
            ContextLength = contextLength,
            CacheFormat = cache,
            MaxBatchTokens = maxBatch,
            MaxLogitsRows = maxBatch,
        });

    /// <summary>Logits and routing of a sequence, fed like every engine.</summary>
    public EngineTrace Trace(int[] tokens, CacheFormat cache)
    {
        float[][] logits = Logits(tokens, cache, Feeding.Steps(tokens.Length), Plan);
        var routers = new Dictionary<int, float[][]>();
        var routes = Plan.Ops.OfType<Route>().ToList();
        foreach (Route route in routes)
        {
            int layer = int.Parse(
                route.Name.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);
            float[][] raw = Logits(
                tokens, cache, Feeding.Steps(tokens.Length), PlanUpToRouter(route));
            routers[layer] = [.. raw.Select(Softmax)];
        }
        int used = routes.Count == 0 ? 0 : Plan.Buffers[routes[0].ExpertIds.Index].Columns;
        return new EngineTrace(logits, routers, used);
    }

    /// <summary>Logits [T][V] of a sequence fed in the given steps from position 0.</summary>
    public float[][] Logits(
        int[] tokens, CacheFormat cache, IEnumerable<(int First, int Count)> steps,
        ModelPlan? plan = null)
    {
        using var executor = CreateExecutor(tokens.Length, cache, tokens.Length, plan);
        return Logits(executor, tokens, steps);
    }

    /// <summary>Logits [T][V] of a sequence fed in the given steps from an empty slot.</summary>
    public static float[][] Logits(
        IExecutor executor, int[] tokens, IEnumerable<(int First, int Count)> steps)
    {
        var batch = new StepBatch();
        var logits = new float[tokens.Length][];
        executor.ResetSlot(0);
        foreach (var (first, count) in steps)
        {
            batch.Clear();
            batch.Add(0, first, tokens.AsSpan(first, count), LogitsMode.All);
            executor.Execute(batch, CancellationToken.None);
            for (int i = 0; i < count; i++)
            {
                logits[first + i] = executor.GetLogits(i).ToArray();
            }
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Dispose();
        _file.Dispose();
    }

    /// <summary>
    /// The model cut off before one of its routers, with the router in the place of the LM head:
    /// both are a product with the normed residual stream, so the plan's logits are the router's.
    /// </summary>
    private ModelPlan PlanUpToRouter(Route route)
    {
        var ops = Plan.Ops.TakeWhile(op => !ReferenceEquals(op, route)).ToList();
        var norm = (RmsNorm)ops[^1];
        ops[^1] = new LmHead(
            route.Name, norm.Input, norm.Gamma, norm.Epsilon, route.Router);
        return Plan with { Ops = ops, VocabularySize = (int)route.Router.Rows };
    }

    private static float[] Softmax(float[] logits)
    {
        float max = logits.Max();
        double sum = logits.Sum(x => Math.Exp(x - max));
        return [.. logits.Select(x => (float)(Math.Exp(x - max) / sum))];
    }
}
