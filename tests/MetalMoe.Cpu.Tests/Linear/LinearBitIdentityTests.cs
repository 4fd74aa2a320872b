using MetalMoe.Core.Quants;
using MetalMoe.Cpu.Simd;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>An output has the same bits however the work around it is cut.</summary>
public sealed class LinearBitIdentityTests
{
    public static IReadOnlyList<QuantFormat> Formats => QuantFormats.All;

    private static int ColumnsOf(QuantFormat format) => QuantFormats.BlockSize(format) switch
    {
        1 => 300,
        32 => 1120, // 4 blocks of 256 and 3 of 32
        _ => 1280,
    };

    [TestCaseSource(nameof(Formats))]
    public void Batch_size_changes_no_bit(QuantFormat format)
    {
        using var problem = new LinearProblem(format, 37, ColumnsOf(format), 33, 11);
        float[] whole = problem.Multiply();
        foreach (int size in new[] { 1, 2, 3, 4, 5, 7, 8, 16, 17, 32 })
        {
            float[] pieces = LinearProblem.NaNs(whole.Length);
            for (int start = 0; start < problem.Tokens; start += size)
            {
                int[] tokens =
                    [.. Enumerable.Range(start, Math.Min(size, problem.Tokens - start))];
                float[] y = LinearProblem.NaNs(tokens.Length * problem.Rows);
                problem.MultiplyInto(y, 0, problem.Rows, tokens);
                y.CopyTo(pieces, start * problem.Rows);
            }
            AssertSameBits(pieces, whole, $"batches of {size}");
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Split_of_rows_changes_no_bit(QuantFormat format)
    {
        foreach (int tokens in new[] { 1, 6, 20 })
        {
            using var problem = new LinearProblem(format, 37, ColumnsOf(format), tokens, 12);
            float[] whole = problem.Multiply();
            foreach (int size in new[] { 1, 3, 4, 5, 16, 19, 36 })
            {
                float[] pieces = LinearProblem.NaNs(whole.Length);
                for (int start = 0; start < problem.Rows; start += size)
                {
                    int count = Math.Min(size, problem.Rows - start);
                    problem.MultiplyInto(pieces, start, count, null);
                }
                AssertSameBits(pieces, whole, $"{tokens} tokens, {size} rows at a time");
            }
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Order_and_choice_of_tokens_changes_no_bit(QuantFormat format)
    {
        using var problem = new LinearProblem(format, 21, ColumnsOf(format), 24, 13);
        float[] whole = problem.Multiply();
        int[] chosen = [23, 0, 7, 7, 12, 1, 22, 3, 5, 19, 18, 2, 8];
        float[] y = LinearProblem.NaNs(chosen.Length * problem.Rows);
        problem.MultiplyInto(y, 0, problem.Rows, chosen);
        for (int t = 0; t < chosen.Length; t++)
        {
            var expected = whole.AsSpan(chosen[t] * problem.Rows, problem.Rows).ToArray();
            var actual = y.AsSpan(t * problem.Rows, problem.Rows).ToArray();
            AssertSameBits(actual, expected, $"place {t}");
        }
    }

    [Test]
    public void Register_width_changes_no_bit(
        [ValueSource(nameof(Formats))] QuantFormat format,
        [Values] WeightFill fill)
    {
        using var problem = new LinearProblem(format, 19, ColumnsOf(format), 9, 14, fill);
        foreach (int tokens in new[] { 1, 9 })
        {
            float[] narrow = problem.MultiplyOn<Lanes128>(tokens);
            float[] chosen = LinearProblem.NaNs(narrow.Length);
            problem.MultiplyInto(chosen, 0, problem.Rows, [.. Enumerable.Range(0, tokens)]);
            AssertSameBits(narrow, chosen, "128 bits");
            if (System.Runtime.Intrinsics.X86.Avx2.IsSupported)
            {
                AssertSameBits(problem.MultiplyOn<Lanes256>(tokens), chosen, "256 bits");
            }
        }
    }

    [Test]
    public void Long_rows_and_many_tokens_take_several_panels_and_chunks()
    {
        // 9216 columns: panels of 4 rows; 32-token chunks.
        using var problem = new LinearProblem(QuantFormat.Q4_K, 9, 9216, 70, 15);
        float[] whole = problem.Multiply();
        Assert.That(problem.WorstError(whole), Is.LessThanOrEqualTo(1));
        for (int t = 0; t < problem.Tokens; t += 23)
        {
            float[] y = LinearProblem.NaNs(problem.Rows);
            problem.MultiplyInto(y, 0, problem.Rows, [t]);
            AssertSameBits(y, whole[(t * 9)..((t + 1) * 9)], $"token {t}");
        }
    }

    private static void AssertSameBits(float[] actual, float[] expected, string what) =>
        Assert.That(
            LinearProblem.Bits(actual).AsSpan().SequenceEqual(LinearProblem.Bits(expected)),
            Is.True,
            what);
}
