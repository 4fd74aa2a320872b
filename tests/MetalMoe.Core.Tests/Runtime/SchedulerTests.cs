using MetalMoe.Core.Runtime;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Runtime;

public sealed class SchedulerTests
{
    private static readonly ExecutorOptions s_options = new()
    {
        ContextLength = 1000,
        MaxBatchTokens = 16,
        MaxLogitsRows = 4,
        Slots = 3,
    };

    [Test]
    public void A_long_prompt_is_cut_into_steps_and_gives_its_last_logits_once()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        var sink = new RecordingSink();
        Sequence sequence = scheduler.Open();
        int[] prompt = [.. Enumerable.Range(100, 40)];
        sequence.Append(prompt, LogitsMode.Last, sink);
        RunAll(scheduler);
        Assert.That(executor.Slots[sequence.Slot], Is.EqualTo(prompt));
        Assert.That(executor.Steps.Select(s => s[0].Count), Is.EqualTo((int[])[16, 16, 8]));
        Assert.That(sink.Rows, Is.EqualTo(((int, int)[])[(39, 139)]));
    }

    [Test]
    public void All_logits_arrive_in_order_within_the_row_limit()
    {
        using var scheduler = new Scheduler(new FakeExecutor(s_options));
        var sink = new RecordingSink();
        Sequence sequence = scheduler.Open();
        sequence.Append([.. Enumerable.Range(0, 11)], LogitsMode.All, sink);
        RunAll(scheduler);
        Assert.That(sink.Rows, Is.EqualTo(Enumerable.Range(0, 11).Select(i => (i, i))));
    }

    [Test]
    public void Decoding_sequences_are_in_every_step_of_a_long_prefill()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        Sequence decode = scheduler.Open();
        Sequence prefill = scheduler.Open();
        prefill.Append(new int[60], LogitsMode.None, null);
        var sink = new RecordingSink();
        while (prefill.PendingCount > 0)
        {
            decode.Append([7], LogitsMode.Last, sink);
            Assert.That(scheduler.Step(default), Is.True);
        }
        Assert.That(executor.Steps, Has.All.Matches<(int Slot, int Count)[]>(
            step => step.Contains((decode.Slot, 1))));
        Assert.That(sink.Rows, Has.Count.EqualTo(executor.Steps.Count));
        Assert.That(executor.Steps, Has.Count.EqualTo(4)); // 60 tokens, 15 beside each decode
    }

    [Test]
    public void Beside_decoding_sequences_a_prompt_runs_in_chunks_and_alone_in_full_steps()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor, promptChunk: 4);
        Sequence decode = scheduler.Open();
        Sequence prefill = scheduler.Open();
        prefill.Append(new int[40], LogitsMode.None, null);
        decode.Append([7], LogitsMode.None, null);
        scheduler.Step(default);
        decode.Append([7], LogitsMode.None, null);
        RunAll(scheduler);
        Assert.That(
            executor.Steps.Select(step => step.Single(s => s.Slot == prefill.Slot).Count),
            Is.EqualTo((int[])[4, 4, 16, 16]));
    }

    [Test]
    public void Idle_sequences_between_two_prompts_give_neither_of_them_more_turns()
    {
        var executor = new FakeExecutor(s_options with { Slots = 5 });
        using var scheduler = new Scheduler(executor);
        Sequence[] all = [.. Enumerable.Range(0, 5).Select(_ => scheduler.Open())];
        all[0].Append(new int[160], LogitsMode.None, null);
        all[4].Append(new int[160], LogitsMode.None, null);
        RunAll(scheduler);
        int[] order = [.. executor.Steps.Select(step => step[0].Slot)];
        Assert.That(order.Count(slot => slot == all[0].Slot), Is.EqualTo(10));
        Assert.That(order.Zip(order.Skip(1)), Has.None.Matches<(int A, int B)>(p => p.A == p.B));
    }

    [Test]
    public void Prompts_take_turns_when_a_step_cannot_hold_them()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        Sequence a = scheduler.Open();
        Sequence b = scheduler.Open();
        a.Append(new int[64], LogitsMode.None, null);
        b.Append(new int[64], LogitsMode.None, null);
        for (int i = 0; i < 4; i++)
        {
            scheduler.Step(default);
        }
        Assert.That((a.Position, b.Position), Is.EqualTo((32, 32)));
    }

    [Test]
    public void Any_mix_of_appends_feeds_every_slot_its_tokens_in_order()
    {
        var random = new Random(5);
        for (int round = 0; round < 50; round++)
        {
            var executor = new FakeExecutor(s_options);
            using var scheduler = new Scheduler(executor);
            Sequence[] sequences = [scheduler.Open(), scheduler.Open(), scheduler.Open()];
            var fed = sequences.Select(_ => new List<int>()).ToArray();
            var sinks = sequences.Select(_ => new RecordingSink()).ToArray();
            var wanted = sequences.Select(_ => new List<(int, int)>()).ToArray();
            for (int i = 0; i < 30; i++)
            {
                int s = random.Next(3);
                if (sequences[s].PendingCount == 0)
                {
                    int[] tokens = [.. Enumerable.Range(0, random.Next(1, 30)).Select(
                        _ => random.Next(1000))];
                    var mode = (LogitsMode)random.Next(3);
                    Expect(wanted[s], fed[s].Count, tokens, mode);
                    fed[s].AddRange(tokens);
                    sequences[s].Append(tokens, mode, sinks[s]);
                }
                scheduler.Step(default);
            }
            RunAll(scheduler);
            for (int s = 0; s < 3; s++)
            {
                Assert.That(executor.Slots[sequences[s].Slot], Is.EqualTo(fed[s]));
                Assert.That(sinks[s].Rows, Is.EqualTo(wanted[s]));
            }
        }
    }

    [Test]
    public void A_failed_step_breaks_its_sequences_until_they_are_reset_or_restored()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        Sequence sequence = scheduler.Open();
        Sequence idle = scheduler.Open();
        sequence.Append([1, 2, 3], LogitsMode.None, null);
        RunAll(scheduler);
        SequenceCheckpoint checkpoint = sequence.Save();
        sequence.Append([4, 5], LogitsMode.None, null);
        executor.Failure = new OperationCanceledException();
        Assert.Throws<OperationCanceledException>(() => scheduler.Step(default));
        Assert.That((sequence.IsBroken, idle.IsBroken), Is.EqualTo((true, false)));
        Assert.Throws<InvalidOperationException>(
            () => sequence.Append([6], LogitsMode.None, null));
        sequence.Restore(checkpoint);
        sequence.Append([7], LogitsMode.None, null);
        RunAll(scheduler);
        Assert.That(executor.Slots[sequence.Slot], Is.EqualTo((int[])[1, 2, 3, 7]));
    }

    [Test]
    public void A_checkpoint_is_refused_by_another_sequence_and_after_a_reset()
    {
        using var scheduler = new Scheduler(new FakeExecutor(s_options));
        Sequence sequence = scheduler.Open();
        Sequence other = scheduler.Open();
        sequence.Append([1, 2], LogitsMode.None, null);
        RunAll(scheduler);
        SequenceCheckpoint checkpoint = sequence.Save();
        Assert.Throws<ArgumentException>(() => other.Restore(checkpoint));
        sequence.Reset();
        Assert.Throws<ArgumentException>(() => sequence.Restore(checkpoint));
    }

    [Test]
    public void A_fork_goes_on_from_a_copy()
    {
        var executor = new FakeExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        Sequence trunk = scheduler.Open();
        trunk.Append([1, 2], LogitsMode.None, null);
        RunAll(scheduler);
        Sequence branch = scheduler.Fork(trunk);
        branch.Append([3], LogitsMode.None, null);
        trunk.Append([4], LogitsMode.None, null);
        RunAll(scheduler);
        Assert.That(executor.Slots[branch.Slot], Is.EqualTo((int[])[1, 2, 3]));
        Assert.That(executor.Slots[trunk.Slot], Is.EqualTo((int[])[1, 2, 4]));
    }

    [Test]
    public void Slots_are_given_back_and_run_out_with_a_clear_message()
    {
        using var scheduler = new Scheduler(new FakeExecutor(s_options));
        Sequence first = scheduler.Open();
        scheduler.Open();
        scheduler.Open();
        var error = Assert.Throws<InvalidOperationException>(() => scheduler.Open());
        Assert.That(error!.Message, Is.EqualTo("[scheduler] all 3 slots are taken"));
        first.Dispose();
        Assert.That(scheduler.Open().Slot, Is.EqualTo(first.Slot));
        Assert.Throws<ObjectDisposedException>(() => first.Append([1], LogitsMode.None, null));
    }

    [Test]
    public void Impossible_appends_are_refused()
    {
        using var scheduler = new Scheduler(new FakeExecutor(s_options));
        Sequence sequence = scheduler.Open();
        Assert.Throws<ArgumentException>(() => sequence.Append([], LogitsMode.None, null));
        Assert.Throws<ArgumentException>(() => sequence.Append([1], LogitsMode.Last, null));
        Assert.Throws<MetalMoeException>(
            () => sequence.Append(new int[1001], LogitsMode.None, null));
        sequence.Append([1], LogitsMode.None, null);
        Assert.Throws<InvalidOperationException>(
            () => sequence.Append([1], LogitsMode.None, null));
    }

    [Test]
    public void Scheduling_decode_steps_allocates_nothing()
    {
        var executor = new QuietExecutor(s_options);
        using var scheduler = new Scheduler(executor);
        Sequence sequence = scheduler.Open();
        var sink = new QuietSink();
        int[] token = [1];
        long before = 0;
        for (int i = 0; i < 300; i++)
        {
            if (i == 100)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }
            sequence.Append(token, LogitsMode.Last, sink);
            scheduler.Step(default);
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.Zero);
    }

    private static void Expect(
        List<(int, int)> wanted, int position, int[] tokens, LogitsMode mode)
    {
        int first = mode switch
        {
            LogitsMode.All => 0,
            LogitsMode.Last => tokens.Length - 1,
            _ => tokens.Length,
        };
        for (int i = first; i < tokens.Length; i++)
        {
            wanted.Add((position + i, tokens[i]));
        }
    }

    private static void RunAll(Scheduler scheduler)
    {
        while (scheduler.Step(default))
        {
        }
        Assert.That(scheduler.HasWork, Is.False);
    }

    private sealed class QuietSink : ILogitsSink
    {
        public void OnLogits(int position, ReadOnlySpan<float> logits)
        {
        }
    }

    private sealed class QuietExecutor(ExecutorOptions options) : IExecutor
    {
        private readonly float[] _logits = new float[2];

        public Plan.ModelPlan Plan { get; } = new Plan.PlanBuilder().Build("quiet", 1, 2, 100);

        public ExecutorOptions Options => options;

        public ExecutorMemory Memory => new(0, 0, 0);

        public long RecurrentStateBytes => 0;

        public void Execute(StepBatch batch, CancellationToken cancellationToken)
        {
        }

        public ReadOnlySpan<float> GetLogits(int outputRow) => _logits;

        public void ResetSlot(int slot)
        {
        }

        public void CopySlot(int source, int destination, int length)
        {
        }

        public void SaveRecurrentState(int slot, Span<byte> destination)
        {
        }

        public void LoadRecurrentState(int slot, ReadOnlySpan<byte> source)
        {
        }

        public void Dispose()
        {
        }
    }
}
