using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Linear;

/// <summary>Embedding rows and norms.</summary>
[TestFixture]
public sealed class EmbedTests
{
    [TestCaseSource(typeof(QuantFormats), nameof(QuantFormats.All))]
    public void Embedding_rows_are_what_the_exact_decoder_gives(QuantFormat format)
    {
        int columns = QuantFormats.BlockSize(format) == 1 ? 45 : 512;
        int[] ids = [6, 0, 3];
        using var runner = new OpRunner();
        TestMatrix table = runner.Matrix(format, 7, columns, 1);
        BufferId output = runner.Output(columns);
        runner.Add(new EmbedTokens("token_embd", table.Weight, output));
        var batch = new StepBatch();
        batch.Add(0, 0, ids, LogitsMode.None);

        runner.Run(StepForm.Decode, batch, vocabulary: 7);

        double[] found = runner.Read(output);
        for (int t = 0; t < ids.Length; t++)
        {
            ReadOnlySpan<float> row = table.Row(ids[t]);
            for (int i = 0; i < columns; i++)
            {
                // scale * q + offset where the decoder has scale * (q + zero): one rounding of
                // a term that is at most twice the largest value of a block.
                TestMatrix.Near(
                    found[(t * columns) + i], row[i], 8e-7 * (Math.Abs(row[i]) + 1),
                    $"{format} token {t} value {i}");
            }
        }
    }

    [TestCase(1)]
    [TestCase(31)]
    [TestCase(32)]
    [TestCase(33)]
    [TestCase(257)]
    [TestCase(1100)]
    public void Rms_norm_matches_double_precision(int columns)
    {
        const float Epsilon = 1e-6f;
        const int Tokens = 3;
        using var runner = new OpRunner(shuffle: 5);
        float[] x = TestMatrix.Random(Tokens * columns, columns);
        float[] gamma = TestMatrix.Random(columns, 2);
        BufferId output = runner.Output(columns);
        runner.Add(new RmsNorm(
            "norm", runner.Input(x, columns), runner.Vector(gamma), Epsilon, output));

        runner.Run(StepForm.Decode, OpRunner.Step(Tokens));

        double[] expected = TestMatrix.Norm(x, gamma, Epsilon);
        double[] found = runner.Read(output);
        for (int i = 0; i < expected.Length; i++)
        {
            // The squares' sum has relative error under 20 roundings, the root halves it; three
            // roundings follow.
            TestMatrix.Near(found[i], expected[i], 1e-6 * Math.Abs(expected[i]), $"value {i}");
        }
    }
}
