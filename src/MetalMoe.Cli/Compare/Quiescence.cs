using System.Diagnostics;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// Waits until the threads of the engine that ran last have gone to sleep. Pools keep spinning
/// for a while after their last job, which would be charged to the engine that runs next.
/// </summary>
internal static class Quiescence
{
    private const double BusyShare = 0.1;

    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(2);

    /// <summary>Returns when this process has used less than a tenth of a processor for 20 ms,
    /// or after two seconds.</summary>
    /// <returns>Whether it became quiet.</returns>
    public static bool Wait()
    {
        using var process = Process.GetCurrentProcess();
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < s_limit)
        {
            process.Refresh();
            TimeSpan before = process.TotalProcessorTime;
            long window = Stopwatch.GetTimestamp();
            Thread.Sleep(s_window);
            process.Refresh();
            TimeSpan used = process.TotalProcessorTime - before;
            if (used < Stopwatch.GetElapsedTime(window) * BusyShare)
            {
                return true;
            }
        }
        return false;
    }
}
