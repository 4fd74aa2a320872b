using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;
using MetalMoe.Cpu.Threads;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

/// <summary>
/// Memory and steps for kernels under test: input rows are random with zero padding, output rows
/// start as NaN, so that a value nobody wrote is found by the first comparison.
/// </summary>
internal sealed unsafe class KernelHarness(int seed, int threads = 2) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Random _random = new(seed);
    private readonly WorkerPool _pool = new(threads);

    public T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    public double[] Random(int count, double scale = 1) =>
        [.. Enumerable.Range(0, count).Select(
            _ => (double)(float)(((_random.NextDouble() * 2) - 1) * scale))];

    /// <summary>Rows [count, columns] holding these values.</summary>
    public Rows Input(double[] values, int columns)
    {
        int stride = VectorMath.Pad(columns);
        int count = values.Length / columns;
        float* p = Own(new NativeBuffer((long)count * stride * sizeof(float))).Floats;
        for (int i = 0; i < values.Length; i++)
        {
            p[((i / columns) * stride) + (i % columns)] = (float)values[i];
        }
        return new Rows((nint)p, columns, stride);
    }

    /// <summary>Rows of NaN with zero padding.</summary>
    public Rows Output(int count, int columns) =>
        Input([.. Enumerable.Repeat(double.NaN, count * columns)], columns);

    /// <summary>A padded vector.</summary>
    public float* Vector(double[] values) => Input(values, values.Length).Row(0);

    /// <summary>An F32 weight.</summary>
    public Weight Weight(double[] values, params long[] shape)
    {
        float* p = Own(new NativeBuffer((values.Length + 16) * sizeof(float))).Floats;
        for (int i = 0; i < values.Length; i++)
        {
            p[i] = (float)values[i];
        }
        return new Weight("test", QuantFormat.F32, shape, (nint)p);
    }

    public static double[] Read(Rows rows, int count)
    {
        var values = new double[count * rows.Columns];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = rows.Row(i / rows.Columns)[i % rows.Columns];
        }
        return values;
    }

    /// <summary>A step of segments (slot, position, token count).</summary>
    public static StepContext Step(params (int Slot, int Position, int Count)[] segments)
    {
        var batch = new StepBatch();
        foreach (var (slot, position, count) in segments)
        {
            batch.Add(slot, position, new int[count], LogitsMode.None);
        }
        var step = new StepContext(batch.Tokens.Length, 1, segments.Length);
        step.Load(batch);
        return step;
    }

    public void Run(CpuKernel kernel, StepContext step)
    {
        int units = kernel.Prepare(step);
        if (units > 0)
        {
            _pool.Run(kernel, units);
        }
    }

    public void Dispose()
    {
        _pool.Dispose();
        _owned.ForEach(o => o.Dispose());
    }
}

/// <summary>Comparison with a bound that every test states a reason for.</summary>
internal static class Near
{
    public static void Check(double[] found, double[] expected, double bound, string what)
    {
        Assert.That(found, Has.Length.EqualTo(expected.Length), what);
        for (int i = 0; i < found.Length; i++)
        {
            // Written so that NaN fails.
            if (!(Math.Abs(found[i] - expected[i]) <= bound * (1 + Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what}: [{i}] expected {expected[i]:r}, got {found[i]:r}");
            }
        }
    }
}
