using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;

namespace MetalMoe.Cli.Kernels;

/// <summary>
/// Half a layer cut out of a model: embedding rows go in, the kernels under test run, and the
/// residual comes out through the final norm and some rows of the head, so that any two devices
/// can be compared on their logits.
/// </summary>
internal sealed class LabSubject : IDisposable
{
    /// <summary>Rows of the head: random projections of the result, enough to show any error.
    /// </summary>
    private const int HeadRows = 64;

    /// <summary>Names of the halves.</summary>
    public static readonly string[] Parts = ["ffn", "attention", "gdn"];

    private readonly GgufFile _file;
    private readonly string? _temporary;
    private readonly int _position;
    private readonly int _tokens;

    private LabSubject(
        string path, bool temporary, string part, int? layer, int tokens, int position)
    {
        _temporary = temporary ? path : null;
        _tokens = tokens;
        _position = position;
        try
        {
            _file = GgufFile.Open(path);
        }
        catch
        {
            Delete();
            throw;
        }
        try
        {
            (Plan, Layer) = Cut(ModelCatalog.Load(_file).Plan, part, layer);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The cut plan.</summary>
    public ModelPlan Plan { get; }

    /// <summary>Name of the layer: <c>blk.3</c>.</summary>
    public string Layer { get; }

    /// <summary>What an executor for it needs to hold. The cache is not rounded, so that
    /// devices differ only by the order of their sums.</summary>
    public ExecutorOptions Options => new()
    {
        ContextLength = _position + _tokens,
        CacheFormat = CacheFormat.F32,
        MaxBatchTokens = Math.Max(_tokens, Math.Min(_position, 256)),
        MaxLogitsRows = _tokens,
    };

    /// <summary>Takes a layer of a model file.</summary>
    public static LabSubject FromFile(
        string path, string part, int? layer, int tokens, int position) =>
        new(path, temporary: false, part, layer, tokens, position);

    /// <summary>Takes a layer of random weights.</summary>
    public static LabSubject Random(
        SynthesisShape shape, string quant, string part, int? layer, int tokens, int position)
    {
        if (!QuantMix.Names.Contains(quant))
        {
            throw new UsageException(
                $"--quant: expected one of {string.Join(", ", QuantMix.Names)}, got '{quant}'");
        }
        string path = Path.Combine(Path.GetTempPath(), $"metalmoe-lab-{Guid.NewGuid():n}.gguf");
        try
        {
            ModelSynthesizer.Write(
                path, new SynthesisOptions { Shape = shape, Quant = quant }, progress: null,
                CancellationToken.None);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
        return new LabSubject(path, temporary: true, part, layer, tokens, position);
    }

    /// <summary>Brings an executor to the position of the step, and gives the step.</summary>
    public StepBatch Prepare(IExecutor executor)
    {
        var batch = new StepBatch();
        executor.ResetSlot(0);
        int most = executor.Options.MaxBatchTokens;
        for (int at = 0; at < _position; at += most)
        {
            batch.Clear();
            batch.Add(0, at, Ids(at, Math.Min(most, _position - at)), LogitsMode.None);
            executor.Execute(batch, CancellationToken.None);
        }
        batch.Clear();
        batch.Add(0, _position, Ids(_position, _tokens), LogitsMode.All);
        return batch;
    }

    /// <summary>Logits [T * V] of the step that ran last.</summary>
    public float[] Logits(IExecutor executor)
    {
        var logits = new float[_tokens * Plan.VocabularySize];
        for (int row = 0; row < _tokens; row++)
        {
            executor.GetLogits(row).CopyTo(logits.AsSpan(row * Plan.VocabularySize));
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        Delete();
    }

    private static (ModelPlan Plan, string Layer) Cut(ModelPlan plan, string part, int? layer)
    {
        var halves = Halves(plan).ToList();
        string? wanted = layer is { } n ? FormattableString.Invariant($"blk.{n}") : null;
        var half = halves.FirstOrDefault(
            h => h.Part == part && (wanted is null || h.Layer == wanted));
        if (half.Ops is null)
        {
            throw new MetalMoeException(
                $"[kernels] {wanted ?? plan.Architecture}: expected a layer with {part}, got "
                + string.Join(", ", halves.Select(h => h.Part).Distinct()));
        }
        var head = (LmHead)plan.Ops[^1];
        int rows = (int)Math.Min(HeadRows, head.Head.Rows);
        PlanOp[] ops =
        [
            plan.Ops[0], .. half.Ops, head with { Head = head.Head.SliceRows(0, rows) },
        ];
        return (plan with { Ops = ops, VocabularySize = rows }, half.Layer);
    }

    /// <summary>Every layer's two halves: each begins with a norm.</summary>
    private static IEnumerable<(string Layer, string Part, List<PlanOp> Ops)> Halves(
        ModelPlan plan)
    {
        List<PlanOp> ops = [];
        foreach (PlanOp op in plan.Ops.Skip(1))
        {
            if (op is RmsNorm or LmHead && ops.Count > 0)
            {
                string[] name = ops[0].Name.Split('.');
                string part = ops.Exists(o => o is Attention) ? "attention"
                    : ops.Exists(o => o is GdnScan) ? "gdn" : "ffn";
                yield return ($"{name[0]}.{name[1]}", part, ops);
                ops = [];
            }
            ops.Add(op);
        }
    }

    private int[] Ids(int first, int count) =>
        [.. Enumerable.Range(first, count).Select(i => i * 7 % Plan.VocabularySize)];

    private void Delete()
    {
        if (_temporary is not null)
        {
            File.Delete(_temporary);
        }
    }
}
