using MetalMoe.Cpu.Threads;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed class WorkerPoolTests
{
    [Test]
    public void Every_unit_runs_exactly_once(
        [Values(1, 2, 3, 7)] int threads, [Values(0, 1, 2, 5, 1000)] int units)
    {
        using var pool = new WorkerPool(threads);
        var work = new CountingWork(units);
        for (int repeat = 0; repeat < 50; repeat++)
        {
            pool.Run(work, units);
        }
        Assert.That(work.Counts, Is.All.EqualTo(50));
    }

    [Test]
    public void Thousands_of_short_loops_of_changing_size_lose_nothing()
    {
        using var pool = new WorkerPool(3);
        long total = 0;
        for (int i = 0; i < 20_000; i++)
        {
            var work = new CountingWork(1 + (i % 17));
            pool.Run(work, work.Counts.Length);
            total += work.Counts.Sum();
        }
        Assert.That(total, Is.EqualTo(Enumerable.Range(0, 20_000).Sum(i => 1L + (i % 17))));
    }

    [Test]
    public void A_failing_unit_fails_the_loop_and_not_the_pool()
    {
        using var pool = new WorkerPool(3);
        Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingWork(), 64));
        var work = new CountingWork(64);
        pool.Run(work, 64);
        Assert.That(work.Counts, Is.All.EqualTo(1));
    }

    [Test]
    public void Workers_wake_after_they_have_slept()
    {
        using var pool = new WorkerPool(2);
        for (int i = 0; i < 3; i++)
        {
            Thread.Sleep(50);
            var work = new CountingWork(32);
            pool.Run(work, 32);
            Assert.That(work.Counts, Is.All.EqualTo(1));
        }
    }

    [Test]
    public void Workers_number_themselves_below_the_thread_count()
    {
        using var pool = new WorkerPool(3);
        var work = new CountingWork(500);
        pool.Run(work, 500);
        Assert.That(work.LargestWorker, Is.InRange(0, 2));
    }

    private sealed class CountingWork(int units) : IUnitWork
    {
        private int _largestWorker;

        public int[] Counts { get; } = new int[units];

        public int LargestWorker => _largestWorker;

        public void Run(int unit, int worker)
        {
            Interlocked.Increment(ref Counts[unit]);
            int seen = Volatile.Read(ref _largestWorker);
            while (worker > seen)
            {
                seen = Interlocked.CompareExchange(ref _largestWorker, worker, seen);
            }
        }
    }

    private sealed class FailingWork : IUnitWork
    {
        public void Run(int unit, int worker)
        {
            if (unit == 13)
            {
                throw new InvalidOperationException("planted");
            }
        }
    }
}
