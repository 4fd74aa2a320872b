using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Attention;

[TestFixture]
public sealed class AttentionPrefillTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(9)]
    [TestCase(31)]
    [TestCase(33)]
    [TestCase(65)]
    public void A_prompt_from_position_0(int tokens)
    {
        var shape = new AttentionShape(4, 2, 64, 16, CacheFormat.F16);
        Check(shape, (0, 0, tokens));
    }

    [TestCase(1, 1, 256, 64, CacheFormat.F16)]
    [TestCase(8, 1, 32, 16, CacheFormat.F32)]
    [TestCase(3, 1, 128, 32, CacheFormat.F16)]
    [TestCase(6, 3, 128, 128, CacheFormat.F32)]
    [TestCase(2, 2, 48, 12, CacheFormat.F16)]
    public void Every_ratio_of_heads_and_every_head_dimension(
        int heads, int kvHeads, int headDim, int rotated, CacheFormat format)
    {
        var shape = new AttentionShape(heads, kvHeads, headDim, rotated, format);
        Check(shape, (0, 21, 12));
    }

    [Test]
    public void Sequences_of_one_batch_do_not_see_each_other()
    {
        var shape = new AttentionShape(2, 1, 64, 32, CacheFormat.F16);
        Check(shape, (3, 40, 1), (1, 0, 11), (0, 7, 1), (4, 63, 2), (2, 0, 5));
    }

    [Test]
    public void Steps_of_both_forms_continue_each_other()
    {
        var shape = new AttentionShape(4, 2, 64, 64, CacheFormat.F32);
        var problem = new AttentionProblem(shape, 1, 45, 3);
        using var runner = new KernelRunner();
        var layer = new AttentionLayer(runner, problem, 1, 45);
        layer.Step(StepForm.Prefill, (0, 0, 13));
        layer.Step(StepForm.Decode, (0, 13, 1));
        layer.Step(StepForm.Decode, (0, 14, 3));
        layer.Step(StepForm.Prefill, (0, 17, 28));
    }

    [TestCase(1u)]
    [TestCase(2u)]
    public void The_order_of_lanes_and_threadgroups_does_not_matter(uint seed)
    {
        var shape = new AttentionShape(4, 1, 64, 32, CacheFormat.F16);
        var problem = new AttentionProblem(shape, 2, 20, 11);
        using var runner = new KernelRunner(seed);
        var layer = new AttentionLayer(runner, problem, 2, 20);
        layer.Step(StepForm.Prefill, (0, 0, 14), (1, 0, 3));
    }

    private static void Check(
        AttentionShape shape, params (int Slot, int From, int Count)[] segments)
    {
        int slots = segments.Max(s => s.Slot) + 1;
        int length = segments.Max(s => s.From + s.Count);
        var problem = new AttentionProblem(shape, slots, length, 7);
        using var runner = new KernelRunner();
        var layer = new AttentionLayer(runner, problem, slots, length);
        foreach (var (slot, from, _) in segments)
        {
            layer.Fill(slot, from);
        }
        layer.Step(StepForm.Prefill, segments);
    }
}
