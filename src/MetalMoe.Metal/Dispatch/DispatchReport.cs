using MetalMoe.Metal.Interop;

namespace MetalMoe.Metal.Dispatch;

/// <summary>
/// What the dispatches of one run of a list cost. Traffic is counted on the software Metal with
/// its memory check only.
/// </summary>
internal sealed class DispatchReport(DispatchList list, bool withTraffic = true)
{
    /// <summary>One row a dispatch.</summary>
    public MmDispatchResult[] Results { get; } = new MmDispatchResult[list.Entries.Count];

    /// <summary>One row a binding, see <see cref="TrafficOf"/>; none when it is not asked for.
    /// </summary>
    public MmTraffic[] Traffic { get; } = new MmTraffic[withTraffic ? list.BindingCount : 0];

    /// <summary>Traffic of a dispatch by binding; the first row is that of the step's numbers,
    /// the others are those of <see cref="DispatchList.Buffers"/>.</summary>
    public ReadOnlySpan<MmTraffic> TrafficOf(int dispatch)
    {
        var (first, count) = list.BindingRange(dispatch);
        return Traffic.AsSpan(first, count);
    }
}
