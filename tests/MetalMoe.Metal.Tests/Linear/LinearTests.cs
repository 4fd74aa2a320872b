using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Linear;

/// <summary>Projections against sums in double precision over exactly decoded weights.</summary>
[TestFixture]
public sealed class LinearTests
{
    private const float Epsilon = 1e-5f;

    /// <summary>The formats four at a time, which is how one launch stacks them, for one token,
    /// a few and many.</summary>
    private static IEnumerable<TestCaseData> Stacks()
    {
        foreach (QuantFormat[] formats in QuantFormats.All.Chunk(4))
        {
            foreach (int tokens in new[] { 1, 6, 33 })
            {
                yield return new TestCaseData(formats, tokens).SetArgDisplayNames(
                    string.Join('|', formats), $"T{tokens}");
            }
        }
    }

    [TestCaseSource(nameof(Stacks))]
    public void A_stack_of_four_formats_matches_sums_in_double_precision(
        object formats, int tokens)
    {
        const int Columns = 768;
        int[] rows = [33, 1, 70, 8];
        using var runner = new OpRunner(shuffle: (ulong)tokens);
        float[] x = TestMatrix.Random(tokens * Columns, 1);
        TestMatrix[] matrices = [.. ((QuantFormat[])formats).Select(
            (f, i) => runner.Matrix(f, rows[i], Columns, i))];
        BufferId input = runner.Input(x, Columns);
        LinearPart[] parts = [.. matrices.Select(
            m => new LinearPart(m.Weight, runner.Output(m.Rows)))];
        runner.Add(new Core.Plan.Linear("stack", input, parts, Residual: null));

        runner.Run(FormOf(tokens), OpRunner.Step(tokens));

        for (int i = 0; i < parts.Length; i++)
        {
            Check(matrices[i], TestMatrix.Rows64(x), null, runner.Read(parts[i].Output));
        }
    }

    [TestCase(QuantFormat.F32, 1, 1)]
    [TestCase(QuantFormat.F32, 31, 3)]
    [TestCase(QuantFormat.F16, 33, 3)]
    [TestCase(QuantFormat.BF16, 45, 1)]
    [TestCase(QuantFormat.BF16, 17, 40)]
    [TestCase(QuantFormat.F16, 47, 9)]
    [TestCase(QuantFormat.Q8_0, 32, 1)]
    [TestCase(QuantFormat.Q8_0, 32, 33)]
    public void Rows_may_be_short_and_end_anywhere(
        QuantFormat format, int columns, int tokens)
    {
        using var runner = new OpRunner();
        float[] x = TestMatrix.Random(tokens * columns, 2);
        TestMatrix matrix = runner.Matrix(format, 31, columns, 3);
        BufferId output = runner.Output(31);
        runner.Add(new Core.Plan.Linear(
            "short", runner.Input(x, columns), [new(matrix.Weight, output)], Residual: null));

        runner.Run(FormOf(tokens), OpRunner.Step(tokens));

        Check(matrix, TestMatrix.Rows64(x), null, runner.Read(output));
    }

    [TestCase(1)]
    [TestCase(5)]
    [TestCase(34)]
    public void A_norm_in_front_and_a_residual_behind_are_one_result(int tokens)
    {
        const int Columns = 256;
        const int Rows = 66;
        using var runner = new OpRunner();
        float[] x = TestMatrix.Random(tokens * Columns, 4);
        float[] gamma = TestMatrix.Random(Columns, 5);
        float[] residual = TestMatrix.Random(tokens * Rows, 6);
        TestMatrix matrix = runner.Matrix(QuantFormat.Q4_K, Rows, Columns, 7);
        BufferId input = runner.Input(x, Columns);
        BufferId normed = runner.Output(Columns);
        BufferId sum = runner.Input(residual, Rows);
        runner.Add(new RmsNorm("norm", input, runner.Vector(gamma), Epsilon, normed));
        runner.Add(new Core.Plan.Linear("down", normed, [new(matrix.Weight, sum)], sum));

        runner.Run(FormOf(tokens), OpRunner.Step(tokens));

        Check(matrix, TestMatrix.Norm(x, gamma, Epsilon), residual, runner.Read(sum));
        // Few tokens are normed on the way, many by a launch before.
        Assert.That(runner.List!.Entries, Has.Count.EqualTo(tokens <= 8 ? 1 : 2));
    }

    [TestCase(1, LogitsMode.Last)]
    [TestCase(6, LogitsMode.All)]
    [TestCase(35, LogitsMode.Last)]
    [TestCase(35, LogitsMode.All)]
    public void The_head_computes_the_rows_that_ask_and_no_other(int tokens, LogitsMode logits)
    {
        const int Columns = 96;
        const int Vocabulary = 131;
        using var runner = new OpRunner();
        float[] x = TestMatrix.Random(tokens * Columns, 8);
        float[] gamma = TestMatrix.Random(Columns, 9);
        TestMatrix head = runner.Matrix(QuantFormat.Q8_0, Vocabulary, Columns, 10);
        runner.Add(new LmHead(
            "output", runner.Input(x, Columns), runner.Vector(gamma), Epsilon, head.Weight));
        StepBatch batch = OpRunner.Step(tokens, logits);

        runner.Run(FormOf(tokens), batch, Vocabulary);

        double[] normed = TestMatrix.Norm(x, gamma, Epsilon);
        int first = batch.OutputRows[0];
        Check(head, normed.AsSpan(first * Columns).ToArray(), null, runner.ReadLogits());
    }

    private static StepForm FormOf(int tokens) => DispatchForms.Of(tokens);

    private static void Check(
        TestMatrix matrix, double[] input, float[]? residual, double[] found)
    {
        int tokens = input.Length / matrix.Columns;
        Assert.That(found, Has.Length.EqualTo(tokens * matrix.Rows));
        for (int t = 0; t < tokens; t++)
        {
            var x = input.AsSpan(t * matrix.Columns, matrix.Columns);
            for (int r = 0; r < matrix.Rows; r++)
            {
                int at = (t * matrix.Rows) + r;
                var (sum, magnitude) = matrix.Dot(r, x);
                double start = residual?[at] ?? 0;
                TestMatrix.Near(
                    found[at], start + sum,
                    TestMatrix.Rounding * (magnitude + Math.Abs(start)),
                    $"{matrix.Weight.Format} token {t} row {r}");
            }
        }
    }
}
