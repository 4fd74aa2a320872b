using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Attention;

[TestFixture]
public sealed class AttentionDecodeTests
{
    [TestCase(0)]
    [TestCase(30)]
    [TestCase(31)]
    [TestCase(32)]
    [TestCase(127)]
    [TestCase(128)]
    [TestCase(1023)]
    public void One_token_attends_to_all_positions_up_to_its_own(int position)
    {
        var shape = new AttentionShape(4, 2, 64, 16, CacheFormat.F16);
        Check(shape, position + 1, (0, position, 1));
    }

    [TestCase(1, 1, 256, 64, CacheFormat.F16)]
    [TestCase(8, 1, 256, 64, CacheFormat.F32)]
    [TestCase(3, 1, 128, 32, CacheFormat.F16)]
    [TestCase(6, 3, 128, 128, CacheFormat.F32)]
    [TestCase(2, 2, 48, 12, CacheFormat.F16)]
    [TestCase(12, 1, 16, 6, CacheFormat.F32)]
    public void Every_ratio_of_heads_and_every_head_dimension(
        int heads, int kvHeads, int headDim, int rotated, CacheFormat format)
    {
        var shape = new AttentionShape(heads, kvHeads, headDim, rotated, format);
        Check(shape, 50, (0, 49, 1));
    }

    [Test]
    public void Tokens_of_one_step_see_each_other_in_order()
    {
        var shape = new AttentionShape(4, 2, 64, 64, CacheFormat.F16);
        Check(shape, 41, (0, 33, 8));
    }

    [Test]
    public void A_step_from_an_empty_cache_needs_nothing_written_before()
    {
        var shape = new AttentionShape(2, 1, 64, 32, CacheFormat.F32);
        Check(shape, 5, (0, 0, 5));
    }

    [Test]
    public void Sequences_of_one_step_do_not_see_each_other()
    {
        var shape = new AttentionShape(2, 1, 64, 32, CacheFormat.F16);
        Check(shape, 200, (2, 0, 1), (0, 198, 2), (1, 31, 3));
    }

    [Test]
    public void A_shorter_sequence_may_have_more_spans_than_the_longest()
    {
        // 128 positions make four spans of 32, 129 make three of 64.
        var shape = new AttentionShape(2, 1, 32, 32, CacheFormat.F32);
        Check(shape, 4, 32, 129, (0, 127, 1), (1, 128, 1));
    }

    [TestCase(1u)]
    [TestCase(2u)]
    public void The_order_of_lanes_and_threadgroups_does_not_matter(uint seed)
    {
        var shape = new AttentionShape(4, 1, 64, 32, CacheFormat.F16);
        var problem = new AttentionProblem(shape, 2, 70, 11);
        using var runner = new KernelRunner(seed);
        var layer = new AttentionLayer(runner, problem, 2, 70);
        layer.Fill(0, 66);
        layer.Step(StepForm.Decode, (0, 66, 4), (1, 0, 2));
    }

    [Test]
    public void A_rotation_far_into_the_context_is_exact()
    {
        // Only the last 40 of 200,000 positions are in the cache: the others would be too many.
        // A key's score depends on the distance alone, so a rotation that is off shows.
        ulong[] frequencies = Metal.Kernels.AttentionKernels.Frequencies(new(64, 1e7f));
        for (int i = 0; i < frequencies.Length; i++)
        {
            foreach (uint position in new uint[] { 1, 199_999, 262_143 })
            {
                ulong low = frequencies[i] & 0xffffffff;
                uint phase = unchecked(
                    (position * (uint)(frequencies[i] >> 32)) + (uint)((position * low) >> 32));
                double found = (int)phase * (2 * Math.PI / 4294967296);
                double exact = position * Math.Pow(1e7, -2.0 * i / 64);
                Assert.That(Math.Cos(found), Is.EqualTo(Math.Cos(exact)).Within(1e-8));
                Assert.That(Math.Sin(found), Is.EqualTo(Math.Sin(exact)).Within(1e-8));
            }
        }
    }

    private static void Check(
        AttentionShape shape, int length, params (int Slot, int From, int Count)[] segments) =>
        Check(shape, 32, 128, length, segments);

    private static void Check(
        AttentionShape shape, int maxSplits, int minSpan, int length,
        params (int Slot, int From, int Count)[] segments)
    {
        int slots = segments.Max(s => s.Slot) + 1;
        var problem = new AttentionProblem(shape, slots, length, 7);
        using var runner = new KernelRunner();
        var layer = new AttentionLayer(runner, problem, slots, length, maxSplits, minSpan);
        foreach (var (slot, from, _) in segments)
        {
            layer.Fill(slot, from);
        }
        layer.Step(StepForm.Decode, segments);
    }
}
