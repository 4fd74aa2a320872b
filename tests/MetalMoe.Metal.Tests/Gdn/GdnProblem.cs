namespace MetalMoe.Metal.Tests.Gdn;

/// <summary>Shape of a gated-delta-rule layer under test.</summary>
internal sealed record GdnShape(
    int KeyHeads, int ValueHeads, int KeyDim, int ValueDim, int Taps = 4)
{
    public int Channels => (2 * KeyHeads * KeyDim) + (ValueHeads * ValueDim);
}

/// <summary>
/// Random inputs of one gated-delta-rule layer for several sequences, and what must come out,
/// computed in double precision token by token, by the definition.
/// </summary>
internal sealed class GdnProblem
{
    private readonly double[][][] _outputs;
    private readonly double[][][] _states; // [slot][tokens done][Vh * K * V]

    public GdnProblem(GdnShape shape, int slots, int length, int seed)
    {
        Shape = shape;
        var random = new Random(seed);
        Input = Rows(random, slots, length, shape.Channels, 2);
        Alpha = Rows(random, slots, length, shape.ValueHeads, 3);
        Beta = Rows(random, slots, length, shape.ValueHeads, 3);
        Gate = Rows(random, slots, length, shape.ValueHeads * shape.ValueDim, 2);
        Kernel = Vector(random, shape.Channels * shape.Taps, -0.5f, 1);
        A = Vector(random, shape.ValueHeads, -2, -0.01f);
        Dt = Vector(random, shape.ValueHeads, -2, 2);
        Norm = Vector(random, shape.ValueDim, 0.5f, 1.5f);
        _outputs = new double[slots][][];
        _states = new double[slots][][];
        for (int s = 0; s < slots; s++)
        {
            Scan(s, length);
        }
    }

    public static float Epsilon => 1e-6f;

    public GdnShape Shape { get; }

    public float[][][] Input { get; }

    public float[][][] Alpha { get; }

    public float[][][] Beta { get; }

    public float[][][] Gate { get; }

    public float[] Kernel { get; }

    public float[] A { get; }

    public float[] Dt { get; }

    public float[] Norm { get; }

    /// <summary>Output row [Vh * V] of a position.</summary>
    public double[] Expected(int slot, int position) => _outputs[slot][position];

    /// <summary>S [Vh, K, V] after so many tokens.</summary>
    public double[] State(int slot, int tokens) => _states[slot][tokens];

    private void Scan(int slot, int length)
    {
        int k = Shape.KeyDim;
        int v = Shape.ValueDim;
        _outputs[slot] = new double[length][];
        _states[slot] = new double[length + 1][];
        var state = new double[Shape.ValueHeads * k * v];
        _states[slot][0] = [.. state];
        for (int p = 0; p < length; p++)
        {
            double[] row = Convolve(slot, p);
            var output = new double[Shape.ValueHeads * v];
            for (int h = 0; h < Shape.ValueHeads; h++)
            {
                int keyHead = h % Shape.KeyHeads;
                double[] query = Normalize(row.AsSpan(keyHead * k, k), 1 / Math.Sqrt(k));
                double[] key = Normalize(row.AsSpan((Shape.KeyHeads + keyHead) * k, k), 1);
                var value = row.AsSpan((2 * Shape.KeyHeads * k) + (h * v), v);
                double step = Math.Log(1 + Math.Exp(Alpha[slot][p][h] + (double)Dt[h]));
                double decay = Math.Exp(A[h] * step);
                double beta = 1 / (1 + Math.Exp(-(double)Beta[slot][p][h]));
                Step(state.AsSpan(h * k * v, k * v), query, key, value, decay, beta,
                    output.AsSpan(h * v, v));
                Finish(output.AsSpan(h * v, v), Gate[slot][p].AsSpan(h * v, v));
            }
            _outputs[slot][p] = output;
            _states[slot][p + 1] = [.. state];
        }
    }

    private static void Step(
        Span<double> state, double[] query, double[] key, ReadOnlySpan<double> value,
        double decay, double beta, Span<double> output)
    {
        int width = value.Length;
        for (int c = 0; c < width; c++)
        {
            double predicted = 0;
            for (int j = 0; j < key.Length; j++)
            {
                state[(j * width) + c] *= decay;
                predicted += state[(j * width) + c] * key[j];
            }
            double d = beta * (value[c] - predicted);
            for (int j = 0; j < key.Length; j++)
            {
                state[(j * width) + c] += key[j] * d;
                output[c] += state[(j * width) + c] * query[j];
            }
        }
    }

    private void Finish(Span<double> output, ReadOnlySpan<float> gate)
    {
        double squares = 0;
        foreach (double o in output)
        {
            squares += o * o;
        }
        double factor = 1 / Math.Sqrt((squares / output.Length) + Epsilon);
        for (int c = 0; c < output.Length; c++)
        {
            output[c] *= factor * Norm[c] * Silu(gate[c]);
        }
    }

    private double[] Convolve(int slot, int position)
    {
        var row = new double[Shape.Channels];
        for (int c = 0; c < row.Length; c++)
        {
            double sum = 0;
            for (int j = 0; j < Shape.Taps; j++)
            {
                int p = position - (Shape.Taps - 1) + j;
                sum += p < 0 ? 0 : (double)Kernel[(c * Shape.Taps) + j] * Input[slot][p][c];
            }
            row[c] = Silu(sum);
        }
        return row;
    }

    private static double[] Normalize(ReadOnlySpan<double> head, double scale)
    {
        double squares = 0;
        foreach (double x in head)
        {
            squares += x * x;
        }
        var normed = new double[head.Length];
        for (int i = 0; i < normed.Length; i++)
        {
            normed[i] = head[i] * scale / Math.Sqrt(squares + Epsilon);
        }
        return normed;
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));

    private static float[][][] Rows(
        Random random, int slots, int length, int width, float range)
    {
        var rows = new float[slots][][];
        for (int s = 0; s < slots; s++)
        {
            rows[s] = new float[length][];
            for (int p = 0; p < length; p++)
            {
                rows[s][p] = Vector(random, width, -range, range);
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
