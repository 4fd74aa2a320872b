using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Tests.Moe;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Broken;

/// <summary>
/// The product's own kernels with one thing wrong, which the check that is there for it must
/// find. What the unbroken kernels pass is worth as much as this fails.
/// </summary>
[TestFixture]
public sealed class BrokenLinearTests
{
    [Test]
    public void A_row_behind_the_last_is_out_of_bounds()
    {
        string source = Broken(
            "linear", "min(first_row + r, part.rows - 1)", "(first_row + r)");
        Assert.That(ErrorOf(source, tokens: 1), Does.Contain("out-of-bounds read"));
    }

    [Test]
    public void A_token_behind_the_last_is_out_of_bounds()
    {
        string source = Broken(
            "linear", "first_token + t < count && first_row", "first_row");
        Assert.That(ErrorOf(source, tokens: 6), Does.Contain("out-of-bounds write"));
    }

    [Test]
    public void Threadgroups_that_take_the_same_rows_race()
    {
        string source = Broken(
            "linear", "(part.group * simdgroups + simdgroup) * rows", "simdgroup * rows");
        Assert.That(ErrorOf(source, tokens: 1), Does.Contain("race"));
    }

    [Test]
    public void A_tile_multiplied_without_a_barrier_is_a_race()
    {
        string source = Broken(
            "linear",
            """
            inputs, index);
                    threadgroup_barrier(mem_flags::mem_threadgroup);
            """,
            "inputs, index);");
        Assert.That(
            ErrorOf(source, tokens: 33),
            Does.Contain("race").Or.Contain("never-written threadgroup memory"));
    }

    [Test]
    public void A_barrier_that_only_some_threads_reach_is_divergent()
    {
        string source = Broken(
            "linear",
            "multiply_tile(sums, weights, inputs, simdgroup);",
            "multiply_tile(sums, weights, inputs, simdgroup); if (index >= 96) break;");
        Assert.That(ErrorOf(source, tokens: 33), Does.Contain("barrier"));
    }

    [Test]
    public void A_sum_over_lanes_that_only_some_reach_is_divergent()
    {
        string source = Broken(
            "linear",
            "sums.dot[r][t] = scale * simd_sum(sums.dot[r][t]);",
            """
            sums.dot[r][t] = sums.dot[r][t] > 0.0f ? scale * simd_sum(sums.dot[r][t])
                                                   : scale * simd_max(sums.dot[r][t]);
            """);
        Assert.That(ErrorOf(source, tokens: 1), Does.Contain("divergent"));
    }

    [Test]
    public void A_row_left_unwritten_stops_the_kernel_that_reads_it()
    {
        using var problem = new MoeProblem(new MoeShape(1));
        problem.Runner.Replace(
            "gate_up", Broken("gate_up", "first + r < args.rows) to[r]",
            "first + r + 1 < args.rows) to[r]"));
        var error = Assert.Throws<MetalException>(problem.Run);
        Assert.That(error!.Message, Does.Contain("never-written"));
    }

    /// <summary>The text of the error that a projection of 33 rows ends in.</summary>
    private static string ErrorOf(string source, int tokens)
    {
        const int Columns = 256;
        using var runner = new OpRunner();
        runner.Replace("linear", source);
        TestMatrix matrix = runner.Matrix(QuantFormat.Q8_0, 33, Columns, 1);
        BufferId input = runner.Input(TestMatrix.Random(tokens * Columns, 2), Columns);
        runner.Add(new Core.Plan.Linear(
            "broken", input, [new(matrix.Weight, runner.Output(33))], Residual: null));
        return Assert.Throws<MetalException>(
            () => runner.Run(DispatchForms.Of(tokens), OpRunner.Step(tokens)))!.Message;
    }

    /// <summary>A family's source with its headers in place and one text replaced.</summary>
    private static string Broken(string family, string good, string bad)
    {
        if (MetalContext.Unavailable() is { } reason)
        {
            Assert.Ignore(reason);
        }
        string source = KernelLibrary.EmbeddedText($"{family}.metal");
        foreach (string header in new[] { "common/matmul.h", "common/matvec.h" })
        {
            source = source.Replace(
                $"#include \"{header}\"", KernelLibrary.EmbeddedText(header),
                StringComparison.Ordinal);
        }
        Assert.That(source, Does.Contain(good), "the text to break");
        return source.Replace(good, bad, StringComparison.Ordinal);
    }
}
