using System.Runtime.ExceptionServices;

namespace MetalMoe.Cpu.Threads;

/// <summary>
/// A fixed set of threads for short parallel loops. The caller publishes work, everybody takes
/// units from one counter, and the loop ends when all units are done: a thread that the system
/// has not scheduled holds nobody up. Workers spin for a moment between loops and then sleep, so
/// an idle pool costs nothing.
/// </summary>
/// <remarks>
/// Everything a thread must agree on lies in one 64-bit word: generation, unit count and next
/// unit. Taking a unit is one atomic increment; a late thread either gets a unit of the current
/// loop (which cannot end before that unit has run) or sees that none is left.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    private const int UnitBits = 24;
    private const int MaxUnits = (1 << UnitBits) - 4096;
    private const ulong UnitMask = (1UL << UnitBits) - 1;
    private const int SpinsBeforeSleep = 4000;
    private const int SpinsBeforeYield = 200;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private IUnitWork? _work;
    private ulong _state;
    private int _completed;
    private int _sleeping;
    private uint _generation;
    private ExceptionDispatchInfo? _failure;
    private volatile bool _stopping;

    /// <summary>Starts <paramref name="threadCount"/> - 1 workers; the caller is the other.
    /// </summary>
    public WorkerPool(int threadCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threadCount, 1);
        ThreadCount = threadCount;
        _threads = new Thread[threadCount - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => WorkerLoop(worker))
            {
                IsBackground = true,
                Name = $"MetalMoe worker {worker}",
            };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that run units, the caller included.</summary>
    public int ThreadCount { get; }

    /// <summary>
    /// Runs units [0, count) and returns when all are done. The first exception of a unit is
    /// thrown here, after the loop. One caller at a time.
    /// </summary>
    public void Run(IUnitWork work, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxUnits);
        if (count <= 1 || _threads.Length == 0)
        {
            for (int unit = 0; unit < count; unit++)
            {
                work.Run(unit, 0);
            }
            return;
        }
        _work = work;
        _completed = 0;
        _generation = (_generation + 1) & 0xffff;
        ulong state = ((ulong)_generation << (2 * UnitBits)) | ((ulong)count << UnitBits);
        Interlocked.Exchange(ref _state, state);
        int sleeping = Volatile.Read(ref _sleeping);
        if (sleeping > 0)
        {
            _wake.Release(sleeping);
        }
        TakeUnits(0);
        WaitUntilCompleted(count);
        _work = null;
        if (_failure is { } failure)
        {
            _failure = null;
            failure.Throw();
        }
    }

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }
        _stopping = true;
        _wake.Release(ThreadCount);
        foreach (var thread in _threads)
        {
            thread.Join();
        }
        _wake.Dispose();
    }

    private static bool HasUnits(ulong state) =>
        (state & UnitMask) < ((state >> UnitBits) & UnitMask);

    private void TakeUnits(int worker)
    {
        while (HasUnits(Volatile.Read(ref _state)))
        {
            ulong taken = Interlocked.Increment(ref _state) - 1;
            if (!HasUnits(taken))
            {
                return;
            }
            try
            {
                _work!.Run((int)(taken & UnitMask), worker);
            }
#pragma warning disable CA1031 // Whatever a unit throws belongs to the caller of Run.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _failure ??= ExceptionDispatchInfo.Capture(e);
            }
            Interlocked.Increment(ref _completed);
        }
    }

    private void WaitUntilCompleted(int count)
    {
        int spins = 0;
        while (Volatile.Read(ref _completed) != count)
        {
            if (++spins < SpinsBeforeYield)
            {
                Thread.SpinWait(4);
            }
            else
            {
                Thread.Yield();
            }
        }
    }

    private void WorkerLoop(int worker)
    {
        int spins = 0;
        while (!_stopping)
        {
            if (HasUnits(Volatile.Read(ref _state)))
            {
                TakeUnits(worker);
                spins = 0;
            }
            else if (++spins < SpinsBeforeSleep)
            {
                Thread.SpinWait(8);
            }
            else
            {
                Sleep();
                spins = 0;
            }
        }
    }

    private void Sleep()
    {
        Interlocked.Increment(ref _sleeping);
        // Work published before the increment was seen is taken here instead of slept through.
        if (!HasUnits(Volatile.Read(ref _state)) && !_stopping)
        {
            _wake.Wait();
        }
        Interlocked.Decrement(ref _sleeping);
    }
}
