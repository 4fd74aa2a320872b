using MetalMoe.Cpu.Kernels;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed unsafe class RmsNormKernelTests
{
    [Test]
    public void Matches_reference(
        [Values(1, 15, 31, 32, 33, 100, 256, 2048)] int columns, [Values(1, 8, 19)] int rows)
    {
        using var harness = new KernelHarness(seed: columns + rows);
        double[] x = harness.Random(rows * columns, scale: 10);
        double[] gamma = harness.Random(columns);
        const float Epsilon = 1e-6f;
        var output = harness.Output(rows, columns);
        harness.Run(
            new RmsNormKernel(
                "test", harness.Input(x, columns), harness.Vector(gamma), Epsilon, output),
            KernelHarness.Step((0, 0, rows)));

        var expected = new double[x.Length];
        for (int r = 0; r < rows; r++)
        {
            double[] row = x[(r * columns)..((r + 1) * columns)];
            double scale = 1 / Math.Sqrt((row.Sum(v => v * v) / columns) + Epsilon);
            for (int c = 0; c < columns; c++)
            {
                expected[(r * columns) + c] = row[c] * scale * gamma[c];
            }
        }
        // A sum of squares in 64 f32 lanes and three roundings: a few units of 2^-24.
        Near.Check(KernelHarness.Read(output, rows), expected, 2e-6, $"D={columns} T={rows}");
    }
}
