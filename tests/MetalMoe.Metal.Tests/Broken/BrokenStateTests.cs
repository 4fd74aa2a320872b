using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Tests.Attention;
using MetalMoe.Metal.Tests.Gdn;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Broken;

/// <summary>
/// The product's own attention and delta-rule kernels with one thing wrong, which the check that
/// is there for it must find.
/// </summary>
[TestFixture]
public sealed class BrokenStateTests
{
    [Test]
    public void Weights_read_without_a_barrier_are_a_race()
    {
        string error = AttentionError(
            "attention_decode",
            """
            simdgroup_barrier(mem_flags::mem_threadgroup);
                    for (ushort j = 0; j < length; j++) {
                        uint p = block + j;
                        bool is_fresh
            """,
            """
            for (ushort j = 0; j < length; j++) {
                        uint p = block + j;
                        bool is_fresh
            """,
            StepForm.Decode, tokens: 1);
        Assert.That(error, Does.Contain("race").Or.Contain("never-written"));
    }

    [Test]
    public void A_head_whose_span_is_left_unwritten_stops_the_merge()
    {
        string error = AttentionError(
            "attention_decode", "else if (h < heads) partial[", "else if (h + 1 < heads) partial[",
            StepForm.Decode, tokens: 1);
        Assert.That(error, Does.Contain("attention_merge").And.Contain("never-written"));
    }

    [Test]
    public void A_cache_tile_that_is_not_padded_stops_the_prefill()
    {
        string error = AttentionError(
            "attention_prefill", "p % 8 != 0", "p % 4 != 0", StepForm.Prefill, tokens: 9);
        Assert.That(error, Does.Contain("attention_prefill").And.Contain("never-written"));
    }

    [Test]
    public void Value_heads_that_all_keep_their_key_heads_rows_race()
    {
        string error = GdnError(
            "gdn_decode", "if (head < args.key_heads || c >= 2 * key_dim)\n", "if (true)\n",
            StepForm.Decode, tokens: 1);
        Assert.That(error, Does.Contain("race"));
    }

    [Test]
    public void A_barrier_that_only_the_owners_of_rows_reach_is_divergent()
    {
        string error = GdnError(
            "gdn_decode",
            """
            if (part < parts) key_sums[index] = sum;
                    threadgroup_barrier(mem_flags::mem_threadgroup);
            """,
            """
            if (part < parts) key_sums[index] = sum;
                    if (part < parts) threadgroup_barrier(mem_flags::mem_threadgroup);
            """,
            StepForm.Decode, tokens: 1);
        Assert.That(error, Does.Contain("barrier"));
    }

    [Test]
    public void Rows_behind_the_last_token_are_out_of_bounds()
    {
        string error = GdnError(
            "gdn_prefill", "if (token < token_count)", "if (token <= token_count)",
            StepForm.Prefill, tokens: 9);
        Assert.That(error, Does.Contain("out-of-bounds write"));
    }

    private static string AttentionError(
        string family, string good, string bad, StepForm form, int tokens)
    {
        using KernelRunner runner = Broken(family, good, bad);
        var shape = new AttentionShape(2, 1, 64, 32, CacheFormat.F16);
        var layer = new AttentionLayer(
            runner, new AttentionProblem(shape, 1, tokens, 1), 1, 16);
        return Assert.Throws<MetalException>(() => layer.Run(form, (0, 0, tokens)))!.Message;
    }

    private static string GdnError(
        string family, string good, string bad, StepForm form, int tokens)
    {
        using KernelRunner runner = Broken(family, good, bad);
        // 80 threads own rows of S, 16 more fill the last SIMD-group.
        var shape = new GdnShape(1, 2, 24, 40);
        var layer = new GdnLayer(runner, new GdnProblem(shape, 1, tokens, 1), 1);
        return Assert.Throws<MetalException>(() => layer.Run(form, (0, 0, tokens)))!.Message;
    }

    private static KernelRunner Broken(string family, string good, string bad)
    {
        var runner = new KernelRunner();
        string source = KernelLibrary.EmbeddedText($"{family}.metal");
        Assert.That(source, Does.Contain(good), "the text to break");
        runner.Replace(family, source.Replace(good, bad, StringComparison.Ordinal));
        return runner;
    }
}
