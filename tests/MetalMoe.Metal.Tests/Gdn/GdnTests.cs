using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Gdn;

[TestFixture]
public sealed class GdnTests
{
    private static readonly GdnShape s_small = new(2, 4, 16, 16);

    [TestCase(2, 4, 64, 64)]
    [TestCase(1, 3, 128, 128)]
    [TestCase(2, 2, 24, 40)]
    [TestCase(1, 1, 256, 256)]
    [TestCase(1, 1, 8, 8)]
    public void Decode_steps_of_every_shape(int keyHeads, int valueHeads, int k, int v)
    {
        var problem = new GdnProblem(new GdnShape(keyHeads, valueHeads, k, v), 1, 5, 5);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 1);
        layer.Step(StepForm.Decode, (0, 0, 1));
        layer.Step(StepForm.Decode, (0, 1, 3));
        layer.Step(StepForm.Decode, (0, 4, 1));
    }

    [Test]
    public void Decode_goes_round_the_ring_of_convolution_rows()
    {
        var problem = new GdnProblem(s_small, 1, 40, 6);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 1);
        int done = 0;
        foreach (int count in new[] { 8, 1, 7, 2, 8, 8, 1, 1, 4 })
        {
            layer.Step(StepForm.Decode, (0, done, count));
            done += count;
        }
    }

    [Test]
    public void Sequences_of_one_decode_step_have_their_own_state()
    {
        var problem = new GdnProblem(s_small, 3, 6, 7);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 3);
        layer.Step(StepForm.Decode, (2, 0, 2), (0, 0, 1));
        layer.Step(StepForm.Decode, (0, 1, 3), (1, 0, 4), (2, 2, 1));
        layer.Step(StepForm.Decode, (1, 4, 2), (2, 3, 3), (0, 4, 1));
    }

    [TestCase(2, 4, 64, 64, 9)]
    [TestCase(1, 3, 128, 128, 33)]
    [TestCase(2, 2, 24, 40, 31)]
    [TestCase(1, 1, 256, 256, 10)]
    [TestCase(2, 4, 16, 16, 1)]
    [TestCase(2, 4, 16, 16, 2)]
    [TestCase(2, 4, 16, 16, 32)]
    [TestCase(2, 4, 16, 16, 65)]
    public void A_prompt_of_every_shape_and_length(
        int keyHeads, int valueHeads, int k, int v, int tokens)
    {
        var problem = new GdnProblem(new GdnShape(keyHeads, valueHeads, k, v), 1, tokens, 8);
        using var runner = new KernelRunner();
        new GdnLayer(runner, problem, 1).Step(StepForm.Prefill, (0, 0, tokens));
    }

    [Test]
    public void Steps_of_both_forms_continue_each_other()
    {
        var problem = new GdnProblem(s_small, 1, 80, 9);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 1);
        layer.Step(StepForm.Prefill, (0, 0, 13));
        layer.Step(StepForm.Decode, (0, 13, 1));
        layer.Step(StepForm.Prefill, (0, 14, 2));
        layer.Step(StepForm.Decode, (0, 16, 5));
        layer.Step(StepForm.Prefill, (0, 21, 40));
        layer.Step(StepForm.Decode, (0, 61, 8));
        layer.Step(StepForm.Prefill, (0, 69, 11));
    }

    [Test]
    public void Sequences_of_one_batch_have_their_own_state()
    {
        var problem = new GdnProblem(s_small, 4, 40, 10);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 4);
        layer.Step(StepForm.Prefill, (2, 0, 9), (0, 0, 1), (3, 0, 2));
        layer.Step(StepForm.Prefill, (0, 1, 1), (1, 0, 17), (2, 9, 3), (3, 2, 8));
        layer.Step(StepForm.Prefill, (1, 17, 8), (0, 2, 37));
    }

    [TestCase(2)]
    [TestCase(3)]
    public void Other_numbers_of_taps(int taps)
    {
        var problem = new GdnProblem(s_small with { Taps = taps }, 1, 20, 11);
        using var runner = new KernelRunner();
        var layer = new GdnLayer(runner, problem, 1);
        layer.Step(StepForm.Prefill, (0, 0, 11));
        layer.Step(StepForm.Decode, (0, 11, 1));
        layer.Step(StepForm.Decode, (0, 12, 8));
    }

    [TestCase(1u)]
    [TestCase(2u)]
    public void The_order_of_lanes_and_threadgroups_does_not_matter(uint seed)
    {
        var problem = new GdnProblem(s_small, 2, 40, 12);
        using var runner = new KernelRunner(seed);
        var layer = new GdnLayer(runner, problem, 2);
        layer.Step(StepForm.Prefill, (0, 0, 35), (1, 0, 3));
        layer.Step(StepForm.Decode, (1, 3, 4), (0, 35, 2));
    }
}
