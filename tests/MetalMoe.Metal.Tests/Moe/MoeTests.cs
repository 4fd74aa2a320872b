using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Moe;

/// <summary>Router, gate-up and down against double precision, in all formats.</summary>
[TestFixture]
public sealed class MoeTests
{
    /// <summary>Every format once as each matrix: four formats in the four matrices of gate-up,
    /// two in those of down.</summary>
    private static IEnumerable<TestCaseData> Formats()
    {
        foreach (QuantFormat[] f in QuantFormats.All.Chunk(4))
        {
            foreach (int tokens in new[] { 1, 33 })
            {
                yield return new TestCaseData(f, tokens).SetArgDisplayNames(
                    string.Join('|', f), $"T{tokens}");
            }
        }
    }

    [TestCaseSource(nameof(Formats))]
    public void Experts_of_mixed_formats_match_double_precision(object formats, int tokens)
    {
        var f = (QuantFormat[])formats;
        var shape = new MoeShape(tokens)
        {
            Width = 256,
            SharedWidth = 256,
            Outputs = 5,
            Gate = f[0],
            Up = f[1],
            SharedGate = f[2],
            SharedUp = f[3],
            Down = f[0],
            SharedDown = f[1],
        };
        using var problem = new MoeProblem(shape, shuffle: 11);
        problem.Run();
        problem.Check();
    }

    [TestCaseSource(nameof(Formats))]
    public void Down_matrices_of_the_other_formats_match_too(object formats, int tokens)
    {
        var f = (QuantFormat[])formats;
        var shape = new MoeShape(tokens)
        {
            Width = 256,
            SharedWidth = 256,
            Outputs = 5,
            Gate = QuantFormat.Q8_0,
            Up = QuantFormat.Q8_0,
            SharedGate = QuantFormat.Q8_0,
            SharedUp = QuantFormat.Q8_0,
            Down = f[2],
            SharedDown = f[3],
        };
        using var problem = new MoeProblem(shape);
        problem.Run();
        problem.Check();
    }

    [TestCase(1, 40, 8, true)]
    [TestCase(6, 3, 3, false)]
    [TestCase(8, 70, 2, true)]
    [TestCase(9, 1, 1, false)]
    [TestCase(70, 33, 4, true)]
    public void Any_number_of_experts_and_tokens_is_routed(
        int tokens, int experts, int used, bool hasShared)
    {
        var shape = new MoeShape(tokens)
        {
            Embedding = 33,
            Experts = experts,
            Used = used,
            Width = 3,
            SharedWidth = 37,
            Outputs = 65,
            HasShared = hasShared,
        };
        using var problem = new MoeProblem(shape, shuffle: 3);
        problem.Run();
        problem.Check();
    }

    [Test]
    public void A_single_token_takes_three_launches()
    {
        using var problem = new MoeProblem(new MoeShape(1));
        problem.Run();
        Assert.That(problem.Runner.List!.Entries.Select(e => e.Kernel.Name), Is.EqualTo(
            new[] { "route_logits", "gate_up_matvec_1", "moe_down_matvec" }));
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(36)]
    public void The_dense_form_is_a_shared_expert_alone(int tokens)
    {
        const int Columns = 256;
        const int Width = 35;
        using var runner = new OpRunner();
        float[] x = TestMatrix.Random(tokens * Columns, 1);
        float[] gamma = TestMatrix.Random(Columns, 2);
        TestMatrix gate = runner.Matrix(QuantFormat.Q6_K, Width, Columns, 3);
        TestMatrix up = runner.Matrix(QuantFormat.Q6_K, Width, Columns, 4);
        BufferId normed = runner.Output(Columns);
        BufferId output = runner.Output(Width);
        runner.Add(new RmsNorm(
            "norm", runner.Input(x, Columns), runner.Vector(gamma), 1e-5f, normed));
        runner.Add(new DenseGateUp("gate_up", normed, gate.Weight, up.Weight, output));

        runner.Run(DispatchForms.Of(tokens), OpRunner.Step(tokens));

        double[] input = TestMatrix.Norm(x, gamma, 1e-5);
        double[] found = runner.Read(output);
        for (int t = 0; t < tokens; t++)
        {
            var row = input.AsSpan(t * Columns, Columns);
            for (int r = 0; r < Width; r++)
            {
                MoeProblem.CheckGated(
                    found[(t * Width) + r], gate.Dot(r, row), up.Dot(r, row),
                    $"token {t} row {r}");
            }
        }
    }
}
