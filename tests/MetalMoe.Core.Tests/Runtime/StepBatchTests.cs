using MetalMoe.Core.Runtime;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime;

[TestFixture]
public sealed class StepBatchTests
{
    private const int TokenIds = 10;

    private static readonly ExecutorOptions s_options =
        new() { ContextLength = 8, MaxBatchTokens = 4, MaxLogitsRows = 2, Slots = 2 };

    [TestCase(0, 0, 0)]
    [TestCase(1, 7, 9)]
    public void A_step_within_the_limits_is_accepted(int slot, int position, int token) =>
        Assert.That(
            () => Batch(slot, position, token).Validate(s_options, TokenIds), Throws.Nothing);

    [TestCase(0, 0, -1)]
    [TestCase(0, 0, TokenIds)]
    [TestCase(2, 0, 1)]
    [TestCase(0, 0, 1, 2, 3, 4, 5)]
    public void A_token_a_slot_or_a_length_that_does_not_exist_is_refused(
        int slot, int position, params int[] tokens) =>
        Assert.That(
            () => Batch(slot, position, tokens).Validate(s_options, TokenIds),
            Throws.InstanceOf<ArgumentException>());

    [Test]
    public void A_position_beyond_the_context_is_named() =>
        Assert.That(
            () => Batch(0, 7, 1, 2).Validate(s_options, TokenIds),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains("at most 8 positions"));

    [TestCase(0, 1, 1, 1)]
    [TestCase(8, 0, 1, 1)]
    [TestCase(8, 1, 0, 1)]
    [TestCase(8, 1, 1, 5000)]
    public void Options_out_of_range_are_refused(int context, int batch, int rows, int slots) =>
        Assert.That(
            () => new ExecutorOptions
            {
                ContextLength = context,
                MaxBatchTokens = batch,
                MaxLogitsRows = rows,
                Slots = slots,
            }.Validate("cpu"),
            Throws.InstanceOf<MetalMoeException>().With.Message.StartsWith("[cpu] "));

    private static StepBatch Batch(int slot, int position, params int[] tokens)
    {
        var batch = new StepBatch();
        batch.Add(slot, position, tokens, LogitsMode.Last);
        return batch;
    }
}
