using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Models;

/// <summary>Hyper-parameters of a routed feed-forward, GGUF's words.</summary>
internal sealed record MoeParameters(
    int ExpertCount, int ExpertUsedCount, int ExpertFeedForwardLength, float ExpertWeightsScale)
{
    /// <summary>Expert gating by softmax, GGUF's number for it.</summary>
    private const int SoftmaxGating = 1;

    public static MoeParameters Read(GgufFile file)
    {
        var keys = new KeyReader(file);
        int experts = keys.Int("expert_count", 1, 65536);
        int gating = keys.IntOr("expert_gating_func", SoftmaxGating, 0, 255);
        keys.Check(gating is 0 or SoftmaxGating, "expert_gating_func", "1 (softmax)", gating);
        const string Scale = "expert_weights_scale";
        float scale = keys.Contains(Scale)
            ? file.Metadata.GetFloat32($"{keys.Architecture}.{Scale}")
            : 0;
        keys.Check(float.IsFinite(scale), Scale, "a finite number", scale);
        return new MoeParameters(
            experts,
            keys.Int("expert_used_count", 1, experts),
            keys.Int("expert_feed_forward_length", 1, 1 << 24),
            scale == 0 ? 1 : scale);
    }
}

/// <summary>
/// Router, routed experts (gate and up as two tensors or one) and the optional shared expert
/// with its sigmoid gate, as three operations.
/// </summary>
internal static class MoeBlock
{
    public static void Add(
        PlanBuilder plan, GgufFile file, WeightMap weights, string block, MoeParameters p,
        int embeddingLength, BufferId input, BufferId residual)
    {
        int width = p.ExpertFeedForwardLength;
        int used = p.ExpertUsedCount;
        BufferId ids = plan.Buffer("expert_ids", used, BufferElement.I32);
        BufferId scores = plan.Buffer("expert_weights", used);
        BufferId hidden = plan.Buffer("expert_hidden", used * width);
        Weight router = weights.RequireFiniteF32(weights.Get(
            $"{block}.ffn_gate_inp.weight", p.ExpertCount, embeddingLength));
        Shared? shared = Shared.Find(plan, file, weights, block, embeddingLength);
        var (gate, up) = GateUp(weights, block, p, embeddingLength);
        Weight down = weights.Get(
            $"{block}.ffn_down_exps.weight", p.ExpertCount, embeddingLength, width);

        plan.Add(new Route(
            $"{block}.ffn_gate_inp", input, router, p.ExpertWeightsScale, ids, scores,
            shared?.Gate, shared?.Scale));
        plan.Add(new MoeGateUp(
            $"{block}.ffn_gate_up_exps", input, ids, gate, up, hidden, shared?.GateUp));
        plan.Add(new MoeDown(
            $"{block}.ffn_down_exps", hidden, ids, scores,
            new ExpertStack(down, embeddingLength, 0, embeddingLength), shared?.Down, residual));
    }

    private static (ExpertStack Gate, ExpertStack Up) GateUp(
        WeightMap weights, string block, MoeParameters p, int d)
    {
        int width = p.ExpertFeedForwardLength;
        string fusedName = $"{block}.ffn_gate_up_exps.weight";
        if (weights.Find(fusedName, p.ExpertCount, 2 * width, d) is { } fused)
        {
            return (new ExpertStack(fused, 2 * width, 0, width),
                new ExpertStack(fused, 2 * width, width, width));
        }
        Weight gate = weights.Get($"{block}.ffn_gate_exps.weight", p.ExpertCount, width, d);
        Weight up = weights.Get($"{block}.ffn_up_exps.weight", p.ExpertCount, width, d);
        return (new ExpertStack(gate, width, 0, width), new ExpertStack(up, width, 0, width));
    }

    /// <summary>The shared expert's weights and buffers, when the layer has one.</summary>
    private sealed record Shared(
        Weight? Gate, BufferId? Scale, SharedGateUp GateUp, SharedDown Down)
    {
        public static Shared? Find(
            PlanBuilder plan, GgufFile file, WeightMap weights, string block, int d)
        {
            string upName = $"{block}.ffn_up_shexp.weight";
            if (file.FindTensor(upName) is not { } tensor)
            {
                return null;
            }
            long width = tensor.Shape[0];
            Weight up = weights.Get(upName, width, d);
            Weight gateMatrix = weights.Get($"{block}.ffn_gate_shexp.weight", width, d);
            Weight down = weights.Get($"{block}.ffn_down_shexp.weight", d, width);
            BufferId hidden = plan.Buffer("shared_hidden", checked((int)width));
            Weight? gate = weights.Find($"{block}.ffn_gate_inp_shexp.weight", d);
            BufferId? scale = gate is null ? null : plan.Buffer("shared_scale", 1);
            return new Shared(
                gate is null ? null : weights.RequireFiniteF32(gate), scale,
                new SharedGateUp(gateMatrix, up, hidden), new SharedDown(down, hidden, scale));
        }
    }
}
