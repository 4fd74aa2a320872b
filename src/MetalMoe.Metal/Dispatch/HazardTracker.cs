using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Dispatch;

/// <summary>
/// Says where a barrier is needed: dispatches between two barriers run in any order, so none of
/// them may write what another of them reads or writes.
/// </summary>
internal sealed class HazardTracker
{
    private readonly List<BufferRef> _read = [];
    private readonly List<BufferRef> _written = [];

    /// <summary>Adds a dispatch; true when a barrier must come before it.</summary>
    public bool Add(IReadOnlyList<KernelBinding> bindings, ReadOnlySpan<BufferRef> buffers)
    {
        bool barrier = false;
        for (int i = 0; i < buffers.Length; i++)
        {
            if (buffers[i].IsNone)
            {
                continue;
            }
            Access access = bindings[i].Access;
            barrier |= Touches(_written, buffers[i])
                || (access != Access.Read && Touches(_read, buffers[i]));
        }
        if (barrier)
        {
            _read.Clear();
            _written.Clear();
        }
        for (int i = 0; i < buffers.Length; i++)
        {
            if (buffers[i].IsNone)
            {
                continue;
            }
            Access access = bindings[i].Access;
            (access == Access.Read ? _read : _written).Add(buffers[i]);
        }
        return barrier;
    }

    private static bool Touches(List<BufferRef> refs, in BufferRef one)
    {
        foreach (BufferRef other in refs)
        {
            if (one.Overlaps(other))
            {
                return true;
            }
        }
        return false;
    }
}
