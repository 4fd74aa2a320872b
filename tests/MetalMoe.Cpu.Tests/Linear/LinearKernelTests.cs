using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>Every format against a double-precision product, within the bound of its numerics.
/// </summary>
public sealed class LinearKernelTests
{
    private static readonly int[] RowCounts = [1, 31, 32, 33];
    private static readonly int[] TokenCounts = [1, 2, 3, 4, 5, 7, 8, 31, 32, 33];

    public static IReadOnlyList<QuantFormat> Formats => QuantFormats.All;

    public static int[] ColumnsOf(QuantFormat format) => QuantFormats.BlockSize(format) switch
    {
        1 => [1, 31, 33, 100, 256],
        32 => [32, 64, 96, 256, 288, 512, 768, 2048],
        _ => [256, 512, 768, 2048],
    };

    [TestCaseSource(nameof(Formats))]
    public void Products_agree_with_double_precision_within_the_bound(QuantFormat format)
    {
        double worst = 0;
        int seed = 1;
        foreach (int columns in ColumnsOf(format))
        {
            foreach (int tokens in TokenCounts)
            {
                int rows = RowCounts[seed % RowCounts.Length];
                using var problem = new LinearProblem(format, rows, columns, tokens, seed++);
                double error = problem.WorstError(problem.Multiply());
                Assert.That(
                    error, Is.LessThanOrEqualTo(1), $"{rows} x {columns}, {tokens} tokens");
                worst = Math.Max(worst, error);
            }
        }
        TestContext.Out.WriteLine($"{format}: worst error {worst:P1} of its bound");
    }

    [Test]
    public void Row_counts_and_token_counts_combine(
        [Values(1, 31, 32, 33)] int rows, [Values(1, 3, 5, 33)] int tokens)
    {
        foreach (QuantFormat format in Formats)
        {
            int columns = QuantFormats.BlockSize(format) == 1 ? 100 : 512;
            using var problem = new LinearProblem(format, rows, columns, tokens, rows + tokens);
            double error = problem.WorstError(problem.Multiply());
            Assert.That(error, Is.LessThanOrEqualTo(1), $"{format}");
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Blocks_of_the_largest_codes_do_not_overflow(QuantFormat format)
    {
        // Activations at the same extreme: every product has the same sign and full size.
        foreach (float sign in new[] { 1f, -1f })
        {
            foreach (int tokens in new[] { 1, 5 })
            {
                int columns = QuantFormats.BlockSize(format) == 1 ? 256 : 512;
                using var problem = new LinearProblem(
                    format, 5, columns, tokens, 3, WeightFill.Extreme, x => Array.Fill(x, sign));
                double error = problem.WorstError(problem.Multiply());
                Assert.That(error, Is.LessThanOrEqualTo(1), $"sign {sign}, {tokens} tokens");
            }
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Denormal_scales_count(QuantFormat format)
    {
        using var problem = new LinearProblem(
            format, 5, 256, 5, 4, WeightFill.DenormalScales);
        float[] y = problem.Multiply();
        Assert.That(problem.WorstError(y), Is.LessThanOrEqualTo(1));
        if (format != QuantFormat.MXFP4)
        {
            Assert.That(y, Has.All.Not.Zero);
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Zero_weights_give_zero(QuantFormat format)
    {
        using var problem = new LinearProblem(format, 5, 256, 5, 5, WeightFill.ZeroScales);
        // MXFP4 has no zero scale; its smallest is 2^-128.
        double largest = format == QuantFormat.MXFP4 ? 1e-34 : 0;
        Assert.That(problem.Multiply().Select(MathF.Abs), Has.All.LessThanOrEqualTo(largest));
    }

    [TestCaseSource(nameof(Formats))]
    public void Zero_activations_give_zero(QuantFormat format)
    {
        using var problem = new LinearProblem(format, 5, 256, 5, 6, shape: Array.Clear);
        Assert.That(problem.Multiply(), Has.All.Zero);
    }

    [TestCaseSource(nameof(Formats))]
    public void Outliers_disturb_their_own_block_only(QuantFormat format)
    {
        // The bound is per block of 256, so an error that leaks into other blocks exceeds it.
        using var problem = new LinearProblem(
            format,
            9,
            1024,
            6,
            7,
            shape: x =>
            {
                for (int i = 5; i < x.Length; i += 1024)
                {
                    x[i] = 1e4f;
                }
            });
        Assert.That(problem.WorstError(problem.Multiply()), Is.LessThanOrEqualTo(1));
    }

    [TestCaseSource(nameof(Formats))]
    public void Tiny_and_huge_activations_are_scaled(QuantFormat format)
    {
        foreach (float factor in new[] { 1e-30f, 1e-36f, 1e-42f, 1e30f })
        {
            using var problem = new LinearProblem(
                format, 3, 256, 5, 8, shape: x => Scale(x, factor));
            double error = problem.WorstError(problem.Multiply());
            Assert.That(error, Is.LessThanOrEqualTo(1), $"factor {factor}");
        }
    }

    [Test]
    public void Non_finite_activations_reach_the_outputs_of_their_token_only(
        [ValueSource(nameof(Formats))] QuantFormat format,
        [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float poison,
        [Values(3, 9)] int tokens)
    {
        using var clean = new LinearProblem(format, 7, 512, tokens, 9);
        using var problem = new LinearProblem(
            format, 7, 512, tokens, 9, shape: x => x[(2 * 512) + 300] = poison);
        float[] expected = clean.Multiply();
        float[] y = problem.Multiply();
        for (int t = 0; t < tokens; t++)
        {
            float[] row = y[(7 * t)..(7 * (t + 1))];
            if (t == 2)
            {
                Assert.That(row.Any(float.IsFinite), Is.False);
            }
            else
            {
                Assert.That(row, Is.EqualTo(expected[(7 * t)..(7 * (t + 1))]));
            }
        }
    }

    private static void Scale(float[] x, float factor)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] *= factor;
        }
    }
}
