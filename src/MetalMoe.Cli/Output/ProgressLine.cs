using System.Globalization;

namespace MetalMoe.Cli.Output;

/// <summary>
/// One line on standard error that shows how far a job is, and is wiped away at its end. Silent
/// unless standard error is a terminal, and for the first moment, so that short jobs do not
/// flicker.
/// </summary>
internal sealed class ProgressLine(string what) : IDisposable
{
    private const int Width = 30;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private readonly bool _isVisible = !Console.IsErrorRedirected;
    private readonly long _start = Environment.TickCount64;
    private readonly Lock _gate = new();
    private long _shownAt = Environment.TickCount64;
    private int _shownLength;

    /// <summary>Shows a fraction of 0 to 1 and what is left to the end.</summary>
    public void Report(double fraction, string detail = "")
    {
        lock (_gate)
        {
            long now = Environment.TickCount64;
            if (!_isVisible || now - _shownAt < Interval.TotalMilliseconds)
            {
                return;
            }
            _shownAt = now;
            int filled = (int)(Math.Clamp(fraction, 0, 1) * Width);
            double left = fraction > 0 ? (now - _start) / 1000.0 * (1 - fraction) / fraction : 0;
            string line = string.Create(CultureInfo.InvariantCulture,
                $"{what} [{new string('#', filled)}{new string('.', Width - filled)}] "
                + $"{fraction:p0} {detail} {left:f0} s left");
            Console.Error.Write('\r' + line.PadRight(_shownLength));
            _shownLength = line.Length;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_shownLength > 0)
            {
                Console.Error.Write('\r' + new string(' ', _shownLength) + '\r');
                _shownLength = 0;
            }
        }
    }
}
