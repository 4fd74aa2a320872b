using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>What a decoded token of Qwen3.5-35B-A3B costs: dispatches, barriers, bytes.</summary>
[TestFixture]
public sealed class DispatchBudgetTests
{
    /// <summary>Layers of the real model, a multiple of the four that are written here.</summary>
    private const int Layers = 40;
    private const int Written = 4;

    /// <summary>The real shapes, but few experts and words: a token reads as many experts, and
    /// the file stays small.</summary>
    private static readonly SynthesisShape s_shape =
        SynthesisShape.Presets["qwen3.5-35b-a3b"] with
        {
            Layers = Written,
            ExpertCount = 8,
            VocabularySize = 512,
            ContextLength = 4096,
        };

    /// <summary>A quarter of the widths, the same proportions: the checks that count bytes are
    /// slow.</summary>
    private static readonly SynthesisShape s_narrow = s_shape with
    {
        EmbeddingLength = 512,
        HeadCount = 4,
        HeadCountKv = 1,
        SsmGroupCount = 4,
        SsmTimeStepRank = 8,
        ExpertFeedForwardLength = 256,
        ExpertSharedFeedForwardLength = 256,
    };

    [Test]
    public void A_token_takes_few_dispatches()
    {
        using var model = MetalModel.Random(s_shape, "q4_k_m");
        using var metal = model.OnMetal(8, batch: 1);
        Report(
            metal.Dispatches(StepForm.Decode), out int perLayers, out int total,
            out int barriers);

        Assert.That(perLayers, Is.LessThanOrEqualTo(7 * Layers));
        Assert.That(total, Is.LessThanOrEqualTo(290));
        Assert.That(barriers, Is.LessThanOrEqualTo(total));
    }

    [Test]
    public void A_token_moves_hardly_more_bytes_than_it_must()
    {
        using var model = MetalModel.Random(s_narrow, "q4_k_m", checks: true);
        using var metal = model.OnMetal(64, batch: 1);
        DispatchList list = metal.Dispatches(StepForm.Decode);
        int[] tokens = model.Tokens(2);
        var batch = new StepBatch();
        batch.Add(0, 0, tokens.AsSpan(0, 1), LogitsMode.Last);
        metal.Execute(batch, CancellationToken.None);
        batch.Clear();
        batch.Add(0, 1, tokens.AsSpan(1, 1), LogitsMode.Last);
        var report = new DispatchReport(list);
        metal.Execute(batch, report);
        CompareBytes(model.Plan, metal, list, report);
    }

    /// <summary>Counts by layer and scales to the real depth.</summary>
    private static void Report(
        DispatchList list, out int perLayers, out int total, out int barriers)
    {
        bool[] layer = [.. list.Entries.Select(
            e => e.Operation.StartsWith("blk.", StringComparison.Ordinal))];
        int scale = Layers / Written;
        perLayers = layer.Count(l => l) * scale;
        total = perLayers + layer.Count(l => !l);
        barriers = Enumerable.Range(0, layer.Length).Sum(
            i => !list.HasBarrier(i) ? 0 : layer[i] ? scale : 1);
        TestContext.Out.WriteLine(
            $"35B-A3B: {total} dispatches a token, {perLayers / (double)Layers:f2} a layer, "
            + $"{barriers} barriers");
    }

    private static void CompareBytes(
        ModelPlan plan, MetalExecutor metal, DispatchList list, DispatchReport report)
    {
        double moved = 0;
        double weights = 0;
        for (int i = 0; i < list.Entries.Count; i++)
        {
            var traffic = report.TrafficOf(i)[1..];
            int at = 0;
            foreach (var (part, _) in list.Buffers(i))
            {
                bool isWeight = metal.DeviceMemory.Weights.Windows.Contains(part.Buffer);
                bool isState = metal.DeviceMemory.States.Any(s =>
                    s.Delta.Buffer == part.Buffer)
                    || metal.DeviceMemory.Caches.Any(c => c.Keys.Buffer == part.Buffer);
                // Activations stay in the device's caches; what memory sees are these.
                if (isWeight || isState)
                {
                    double bytes = Moved(traffic[at]);
                    moved += bytes;
                    weights += isWeight ? bytes : 0;
                }
                at++;
            }
        }
        double minimum = MinimumBytes(plan, metal);
        TestContext.Out.WriteLine(
            $"bytes a token: {moved / 1e6:f1} MB moved ({weights / 1e6:f1} MB of weights), "
            + $"{minimum / 1e6:f1} MB at least, ratio {moved / minimum:f4}");
        Assert.That(moved, Is.LessThanOrEqualTo(1.05 * minimum));
        Assert.That(moved, Is.GreaterThanOrEqualTo(0.9 * minimum));
    }

    /// <summary>Every byte of a buffer counts once a dispatch: lanes that share a block scale,
    /// and threadgroups that share a vector, read it again from a cache.</summary>
    private static double Moved(in MmTraffic traffic) =>
        traffic.UniqueBytesRead + traffic.UniqueBytesWritten;

    /// <summary>Every weight once (of the experts those that are chosen), S read and written,
    /// the convolution's rows read and one written, the cache at two positions.</summary>
    private static double MinimumBytes(ModelPlan plan, MetalExecutor metal)
    {
        double bytes = 0;
        foreach (PlanOp op in plan.Ops)
        {
            bytes += op switch
            {
                EmbedTokens o => o.Table.RowBytes,
                MoeGateUp o => Chosen(plan, o.ExpertIds, o.Gate, o.Up)
                    + (o.Shared is { } s ? s.Gate.ByteCount + s.Up.ByteCount : 0),
                MoeDown o => Chosen(plan, o.ExpertIds, o.Down)
                    + (o.Shared is { } s ? s.Matrix.ByteCount : 0),
                _ => PlanWeights.Of(op).Sum(w => (double)w.ByteCount),
            };
        }
        foreach (StateMemory state in metal.DeviceMemory.States)
        {
            var shape = state.Shape;
            double row = shape.ConvChannels * sizeof(float);
            bytes += (2.0 * state.Delta.Length) + (row * shape.ConvKernel);
        }
        foreach (CacheMemory cache in metal.DeviceMemory.Caches)
        {
            // Two positions read, one of them written.
            bytes += 2 * 3 * cache.Shape.KvHeads * cache.PaddedDim * sizeof(ushort);
        }
        return bytes;
    }

    private static double Chosen(
        ModelPlan plan, BufferId ids, params ReadOnlySpan<ExpertStack> stacks)
    {
        double bytes = 0;
        foreach (ExpertStack stack in stacks)
        {
            bytes += (double)plan.Buffers[ids.Index].Columns * stack.Rows * stack.Matrix.RowBytes;
        }
        return bytes;
    }
}
