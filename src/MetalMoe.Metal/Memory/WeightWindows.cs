using MetalMoe.Core;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// The mapped file as device buffers that use its pages and copy nothing. A buffer may not be
/// longer than the device allows, so a large file is seen through several windows; they overlap
/// where a tensor would straddle an end.
/// </summary>
internal sealed class WeightWindows : IDisposable
{
    private readonly List<DeviceBuffer> _windows = [];

    public WeightWindows(MetalContext context, IEnumerable<Weight> weights)
    {
        try
        {
            foreach (var (address, length) in Plan(
                weights, context.Limits.PageBytes, context.Limits.MaxBufferBytes))
            {
                _windows.Add(context.WrapMemory(address, length));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<DeviceBuffer> Windows => _windows;

    /// <summary>
    /// Page-aligned windows, ascending, such that every weight lies whole in one of them. Only
    /// pages that hold a weight's bytes are covered, so nothing unmapped ever is.
    /// </summary>
    /// <exception cref="MetalMoeException">A weight alone is longer than a window may be.
    /// </exception>
    public static List<(nint Address, long Length)> Plan(
        IEnumerable<Weight> weights, long pageBytes, long maxBytes)
    {
        long limit = maxBytes / pageBytes * pageBytes;
        var windows = new List<(nint Address, long Length)>();
        foreach (Weight weight in weights.OrderBy(w => w.Address).ThenBy(w => w.ByteCount))
        {
            long first = weight.Address / pageBytes * pageBytes;
            long end = RoundUp(weight.Address + weight.ByteCount, pageBytes);
            if (end - first > limit)
            {
                throw new MetalMoeException(
                    $"[metal] {weight.Name}: expected at most {limit} bytes a buffer, got "
                    + $"{end - first}");
            }
            if (windows.Count > 0)
            {
                var (address, length) = windows[^1];
                long wider = Math.Max(address + length, end) - address;
                if (first <= address + length && wider <= limit)
                {
                    windows[^1] = (address, wider);
                    continue;
                }
            }
            windows.Add(((nint)first, end - first));
        }
        return windows;
    }

    /// <summary>The part of a window that holds the weight.</summary>
    public BufferRef Find(Weight weight)
    {
        foreach (DeviceBuffer window in _windows)
        {
            long offset = weight.Address - window.Address;
            if (offset >= 0 && offset + weight.ByteCount <= window.Length)
            {
                return new BufferRef(window, offset, weight.ByteCount);
            }
        }
        throw new ArgumentException($"[metal] {weight.Name}: not a weight of this plan");
    }

    public void Dispose() => _windows.ForEach(w => w.Dispose());

    private static long RoundUp(long value, long to) => (value + to - 1) / to * to;
}
