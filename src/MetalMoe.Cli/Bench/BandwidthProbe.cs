using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cli.Bench;

/// <summary>
/// How fast a number of threads can stream memory that is in no cache: the roof that decoding is
/// measured against. Every thread reads its own part of one large buffer; the best of several
/// passes counts, because anything else that runs on the machine can only slow a pass down.
/// </summary>
internal sealed class BandwidthProbe : IDisposable
{
    /// <summary>Bytes of the buffer unless told otherwise: past any last-level cache.</summary>
    public const long DefaultByteCount = 1L << 29;

    private const int Passes = 12;
    private const int LineBytes = 64;

    /// <summary>Streams a thread reads at a time. Some memory systems prefetch one long run
    /// best, others several; half of the passes try each.</summary>
    private static readonly int[] s_streamCounts = [1, 4];

    private readonly byte[] _buffer;
    private readonly int _threads;
    private readonly Barrier _barrier;
    private readonly double[] _seconds = new double[Passes];
    private readonly long[] _sums;

    private BandwidthProbe(int threads, long byteCount)
    {
        // Whole lines for every stream of every thread, so that all read the same amount.
        long share = byteCount / (threads * 4L * LineBytes) * 4 * LineBytes;
        BytesPerThread = Math.Max(share, 4 * LineBytes);
        _threads = threads;
        _buffer = new byte[BytesPerThread * threads];
        _barrier = new Barrier(threads);
        _sums = new long[threads];
    }

    private long BytesPerThread { get; }

    /// <summary>Read bandwidth in 10^9 bytes a second.</summary>
    /// <param name="threads">Threads that read, at least 1.</param>
    /// <param name="byteCount">Bytes of the buffer; at most 2^31 - 64 K.</param>
    public static double Measure(int threads, long byteCount = DefaultByteCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(byteCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteCount, int.MaxValue - 65536);
        double best = MeasureOnce(threads, byteCount);
        // The buffer is the size of a small model: give it back before one is measured.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true);
        return best;
    }

    public void Dispose() => _barrier.Dispose();

    // Of its own, so that no local of the caller keeps the buffer alive during the collection.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double MeasureOnce(int threads, long byteCount)
    {
        using var probe = new BandwidthProbe(threads, byteCount);
        return probe.Run();
    }

    private double Run()
    {
        var helpers = new Thread[_threads - 1];
        for (int i = 0; i < helpers.Length; i++)
        {
            int index = i + 1;
            helpers[i] = new Thread(() => Work(index)) { IsBackground = true };
            helpers[i].Start();
        }
        Work(0);
        foreach (Thread helper in helpers)
        {
            helper.Join();
        }
        GC.KeepAlive(_sums);
        return (double)_buffer.Length / _seconds.Min() / 1e9;
    }

    private void Work(int thread)
    {
        Span<byte> own = _buffer.AsSpan(
            checked((int)(thread * BytesPerThread)), (int)BytesPerThread);
        // Untouched pages of a new array are all one page of zeros, which would fit a cache.
        own.Fill(1);
        for (int pass = 0; pass < Passes; pass++)
        {
            _barrier.SignalAndWait();
            long start = Stopwatch.GetTimestamp();
            _sums[thread] += Read(own, s_streamCounts[pass % s_streamCounts.Length]);
            _barrier.SignalAndWait();
            if (thread == 0)
            {
                _seconds[pass] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
    }

    /// <summary>Adds up all bytes of a span in lines of 64, so that no load can be left out.
    /// </summary>
    internal static long Read(ReadOnlySpan<byte> bytes, int streams)
    {
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        nuint run = (nuint)(bytes.Length / streams);
        return streams == 1 ? ReadOne(ref first, run) : ReadFour(ref first, run);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long ReadOne(ref byte first, nuint run)
    {
        Vector512<ulong> a = default, b = default, c = default, d = default;
        for (nuint i = 0; i < run; i += 4 * LineBytes)
        {
            a += Line(ref first, i);
            b += Line(ref first, i + LineBytes);
            c += Line(ref first, i + (2 * LineBytes));
            d += Line(ref first, i + (3 * LineBytes));
        }
        return unchecked((long)Vector512.Sum(a + b + c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long ReadFour(ref byte first, nuint run)
    {
        Vector512<ulong> a = default, b = default, c = default, d = default;
        for (nuint i = 0; i < run; i += LineBytes)
        {
            a += Line(ref first, i);
            b += Line(ref first, i + run);
            c += Line(ref first, i + (2 * run));
            d += Line(ref first, i + (3 * run));
        }
        return unchecked((long)Vector512.Sum(a + b + c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Line(ref byte first, nuint offset) =>
        Vector512.LoadUnsafe(ref first, offset).AsUInt64();
}
