using static MetalMoe.Oracle.Tests.Reference.ReferenceMath;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>Gated full attention with partial rotary embedding.</summary>
public sealed partial class ReferenceModel
{
    private double[][] Attention(string block, double[][] h)
    {
        int heads = Key("attention.head_count");
        int kvHeads = Key("attention.head_count_kv");
        int width = Key("attention.key_length");
        double scale = _file.Number($"{_architecture}.attention.scale", 0);
        scale = scale == 0 ? 1 / Math.Sqrt(width) : scale;

        var (queryGate, keys, values) = QueryKeyValue(block, h, heads, kvHeads, width);
        float[] queryNorm = Vector(block + "attn_q_norm.weight");
        float[] keyNorm = Vector(block + "attn_k_norm.weight");
        var output = new double[h.Length][];
        var query = new double[h.Length][][];
        var key = new double[h.Length][][];
        for (int t = 0; t < h.Length; t++)
        {
            query[t] = [.. Enumerable.Range(0, heads).Select(i => Rotate(
                RmsNorm(queryGate[t].AsSpan(i * 2 * width, width), queryNorm, _epsilon), t))];
            key[t] = [.. Enumerable.Range(0, kvHeads).Select(g => Rotate(
                RmsNorm(keys[t].AsSpan(g * width, width), keyNorm, _epsilon), t))];
        }
        Parallel.For(0, h.Length, t =>
        {
            output[t] = new double[heads * width];
            for (int head = 0; head < heads; head++)
            {
                int g = head / (heads / kvHeads);
                var scores = new double[t + 1];
                for (int s = 0; s <= t; s++)
                {
                    scores[s] = scale * Dot(query[t][head], key[s][g]);
                }
                double[] p = Softmax(scores);
                for (int i = 0; i < width; i++)
                {
                    double sum = 0;
                    for (int s = 0; s <= t; s++)
                    {
                        sum += p[s] * values[s][g * width + i];
                    }
                    double gate = queryGate[t][(head * 2 + 1) * width + i];
                    output[t][head * width + i] = sum * Sigmoid(gate);
                }
            }
        });
        return Matrix(block + "attn_output.weight").Multiply(output);
    }

    private (double[][] QueryGate, double[][] Keys, double[][] Values) QueryKeyValue(
        string block, double[][] h, int heads, int kvHeads, int width)
    {
        if (!Has(block + "attn_qkv.weight"))
        {
            return (Matrix(block + "attn_q.weight").Multiply(h),
                Matrix(block + "attn_k.weight").Multiply(h),
                Matrix(block + "attn_v.weight").Multiply(h));
        }
        var fused = Matrix(block + "attn_qkv.weight");
        int q = 2 * heads * width;
        int kv = kvHeads * width;
        return (fused.Slice(0, q).Multiply(h), fused.Slice(q, kv).Multiply(h),
            fused.Slice(q + kv, kv).Multiply(h));
    }

    /// <summary>Rotary embedding of the first n_rot values, pairs (i, i + n_rot/2).</summary>
    private double[] Rotate(double[] x, int position)
    {
        int dimensions = Key("rope.dimension_count", x.Length);
        double frequencyBase = _file.Number($"{_architecture}.rope.freq_base", 10000);
        int half = dimensions / 2;
        for (int i = 0; i < half; i++)
        {
            double theta = position * Math.Pow(frequencyBase, -2.0 * i / dimensions);
            var (sin, cos) = Math.SinCos(theta);
            (x[i], x[i + half]) = (
                x[i] * cos - x[i + half] * sin,
                x[i] * sin + x[i + half] * cos);
        }
        return x;
    }
}
