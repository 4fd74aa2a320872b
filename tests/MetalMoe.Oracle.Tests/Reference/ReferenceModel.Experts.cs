using static MetalMoe.Oracle.Tests.Reference.ReferenceMath;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>Router, routed experts and the shared expert.</summary>
public sealed partial class ReferenceModel
{
    private double[][] Experts(
        string block, double[][] h, int layer, Dictionary<int, ReferenceRoute[]> routes)
    {
        int used = Key("expert_used_count");
        int experts = Key("expert_count");
        double weightsScale = _file.Number($"{_architecture}.expert_weights_scale", 0);
        double[][] logits = Matrix(block + "ffn_gate_inp.weight").Multiply(h);
        ReferenceRoute[] chosen = [.. logits.Select(row => Route(row, used))];
        routes[layer] = chosen;
        double[][] output = [.. h.Select(row => new double[row.Length])];
        for (int expert = 0; expert < experts; expert++)
        {
            int[] positions = [.. Enumerable.Range(0, h.Length)
                .Where(t => chosen[t].Experts.Contains(expert))];
            if (positions.Length == 0)
            {
                continue;
            }
            double[][] y = Expert(block, [.. positions.Select(t => h[t])], expert, experts);
            for (int i = 0; i < positions.Length; i++)
            {
                var route = chosen[positions[i]];
                double weight = route.Probabilities[expert]
                    / route.Experts.Sum(e => route.Probabilities[e]);
                weight *= weightsScale == 0 ? 1 : weightsScale;
                AddScaled(output[positions[i]], y[i], weight);
            }
        }
        AddSharedExpert(block, h, output);
        return output;
    }

    private static ReferenceRoute Route(double[] logits, int used)
    {
        double[] p = Softmax(logits);
        // Equal probabilities keep the order of their indices: the sort is stable.
        int[] order = [.. Enumerable.Range(0, p.Length).OrderByDescending(i => p[i])];
        double margin = used < p.Length
            ? p[order[used - 1]] - p[order[used]]
            : double.PositiveInfinity;
        return new ReferenceRoute(order[..used], p, margin);
    }

    private double[][] Expert(string block, double[][] x, int expert, int experts)
    {
        var down = Matrix(block + "ffn_down_exps.weight");
        int width = down.Columns;
        ReferenceMatrix gate, up;
        if (Has(block + "ffn_gate_up_exps.weight"))
        {
            var fused = Matrix(block + "ffn_gate_up_exps.weight");
            gate = fused.Slice(expert * 2 * width, width);
            up = fused.Slice((expert * 2 + 1) * width, width);
        }
        else
        {
            gate = Matrix(block + "ffn_gate_exps.weight").Slice(expert * width, width);
            up = Matrix(block + "ffn_up_exps.weight").Slice(expert * width, width);
        }
        int rows = down.Rows / experts;
        return SwiGlu(x, gate, up, down.Slice(expert * rows, rows));
    }

    private void AddSharedExpert(string block, double[][] h, double[][] output)
    {
        if (!Has(block + "ffn_up_shexp.weight"))
        {
            return;
        }
        double[][] shared = SwiGlu(h, block + "ffn_gate_shexp.weight",
            block + "ffn_up_shexp.weight", block + "ffn_down_shexp.weight");
        bool gated = Has(block + "ffn_gate_inp_shexp.weight");
        for (int t = 0; t < h.Length; t++)
        {
            double weight = 1;
            if (gated)
            {
                double[] gate = [.. Vector(block + "ffn_gate_inp_shexp.weight")];
                weight = Sigmoid(Dot(gate, h[t]));
            }
            AddScaled(output[t], shared[t], weight);
        }
    }

    private double[][] SwiGlu(double[][] x, string gate, string up, string down) =>
        SwiGlu(x, Matrix(gate), Matrix(up), Matrix(down));

    private static double[][] SwiGlu(
        double[][] x, ReferenceMatrix gate, ReferenceMatrix up, ReferenceMatrix down)
    {
        double[][] hidden = gate.Multiply(x);
        double[][] linear = up.Multiply(x);
        for (int t = 0; t < hidden.Length; t++)
        {
            for (int i = 0; i < hidden[t].Length; i++)
            {
                hidden[t][i] = Silu(hidden[t][i]) * linear[t][i];
            }
        }
        return down.Multiply(hidden);
    }

    private static void AddScaled(double[] sum, double[] x, double scale)
    {
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] += scale * x[i];
        }
    }
}
