using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal.Tests.Attention;

/// <summary>Shape of an attention layer under test.</summary>
internal sealed record AttentionShape(
    int Heads, int KvHeads, int HeadDim, int Rotated, CacheFormat Format)
{
    public float Scale => 1 / MathF.Sqrt(HeadDim);

    public RopeParameters Rope => new(Rotated, 1e6f);

    public int PaddedDim => HeadDim switch { <= 32 => 32, <= 64 => 64, <= 128 => 128, _ => 256 };
}

/// <summary>
/// Random inputs of one attention layer for several sequences, and what must come out, computed
/// in double precision by the definition.
/// </summary>
internal sealed class AttentionProblem
{
    private const float Epsilon = 1e-6f;
    private readonly double[][][] _keys; // [slot][position][G * K], normed, rotated, rounded
    private readonly double[][][] _values;

    public AttentionProblem(AttentionShape shape, int slots, int length, int seed)
    {
        Shape = shape;
        var random = new Random(seed);
        QueryNorm = Vector(random, shape.HeadDim, 0.5f, 1.5f);
        KeyNorm = Vector(random, shape.HeadDim, 0.5f, 1.5f);
        QueryGate = Rows(random, slots, length, 2 * shape.Heads * shape.HeadDim);
        Key = Rows(random, slots, length, shape.KvHeads * shape.HeadDim);
        Value = Rows(random, slots, length, shape.KvHeads * shape.HeadDim);
        _keys = [.. Key.Select(rows => rows.Select(PrepareKey).ToArray())];
        _values = [.. Value.Select(
            rows => rows.Select(row => Array.ConvertAll(row, v => Round(v))).ToArray())];
    }

    public AttentionShape Shape { get; }

    public float[] QueryNorm { get; }

    public float[] KeyNorm { get; }

    /// <summary>[slot][position][H * 2K].</summary>
    public float[][][] QueryGate { get; }

    /// <summary>[slot][position][G * K].</summary>
    public float[][][] Key { get; }

    /// <summary>[slot][position][G * K].</summary>
    public float[][][] Value { get; }

    public static float NormEpsilon => Epsilon;

    /// <summary>Output row [H * K] of a position.</summary>
    public double[] Expected(int slot, int position)
    {
        int k = Shape.HeadDim;
        var output = new double[Shape.Heads * k];
        for (int head = 0; head < Shape.Heads; head++)
        {
            int kv = head / (Shape.Heads / Shape.KvHeads) * k;
            float[] row = QueryGate[slot][position];
            double[] query = Prepare(row.AsSpan(2 * head * k, k), QueryNorm, position);
            var scores = new double[position + 1];
            for (int p = 0; p <= position; p++)
            {
                for (int d = 0; d < k; d++)
                {
                    scores[p] += Shape.Scale * query[d] * _keys[slot][p][kv + d];
                }
            }
            double top = scores.Max();
            double total = scores.Sum(s => Math.Exp(s - top));
            for (int d = 0; d < k; d++)
            {
                double sum = 0;
                for (int p = 0; p <= position; p++)
                {
                    sum += Math.Exp(scores[p] - top) * _values[slot][p][kv + d];
                }
                double gate = row[(((2 * head) + 1) * k) + d];
                output[(head * k) + d] = sum / total / (1 + Math.Exp(-gate));
            }
        }
        return output;
    }

    /// <summary>The cache row of a position and kv head, [padded K].</summary>
    public float[] CacheRow(bool isKey, int slot, int position, int kvHead)
    {
        var row = new float[Shape.PaddedDim];
        double[] source = (isKey ? _keys : _values)[slot][position];
        for (int d = 0; d < Shape.HeadDim; d++)
        {
            row[d] = (float)source[(kvHead * Shape.HeadDim) + d];
        }
        return row;
    }

    private double[] PrepareKey(float[] row, int position)
    {
        int k = Shape.HeadDim;
        var keys = new double[row.Length];
        for (int g = 0; g < Shape.KvHeads; g++)
        {
            double[] head = Prepare(row.AsSpan(g * k, k), KeyNorm, position);
            for (int d = 0; d < k; d++)
            {
                keys[(g * k) + d] = Round(head[d]);
            }
        }
        return keys;
    }

    private double[] Prepare(ReadOnlySpan<float> head, float[] gamma, int position)
    {
        double squares = 0;
        foreach (float x in head)
        {
            squares += (double)x * x;
        }
        double factor = 1 / Math.Sqrt((squares / head.Length) + Epsilon);
        var normed = new double[head.Length];
        for (int d = 0; d < head.Length; d++)
        {
            normed[d] = head[d] * factor * gamma[d];
        }
        int pairs = Shape.Rotated / 2;
        for (int i = 0; i < pairs; i++)
        {
            double angle = position * Math.Pow(Shape.Rope.Base, -2.0 * i / Shape.Rotated);
            var (sin, cos) = Math.SinCos(angle);
            double a = normed[i];
            double b = normed[i + pairs];
            normed[i] = (a * cos) - (b * sin);
            normed[i + pairs] = (b * cos) + (a * sin);
        }
        return normed;
    }

    private double Round(double x) =>
        Shape.Format == CacheFormat.F16 ? (double)(Half)x : (float)x;

    private static float[][][] Rows(Random random, int slots, int length, int width)
    {
        var rows = new float[slots][][];
        for (int s = 0; s < slots; s++)
        {
            rows[s] = new float[length][];
            for (int p = 0; p < length; p++)
            {
                rows[s][p] = Vector(random, width, -2, 2);
            }
        }
        return rows;
    }

    private static float[] Vector(Random random, int count, float from, float to)
    {
        var vector = new float[count];
        for (int i = 0; i < count; i++)
        {
            vector[i] = from + ((to - from) * random.NextSingle());
        }
        return vector;
    }
}
