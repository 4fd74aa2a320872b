namespace MetalMoe.CApi;

/// <summary>
/// Handles are numbers that are never used twice, so one that was closed, or never was a handle,
/// is noticed instead of followed.
/// </summary>
internal sealed class HandleTable<T>(string kind)
    where T : class
{
    private readonly Dictionary<nint, T> _values = [];
    private readonly Lock _gate = new();
    private nint _last;

    public nint Add(T value)
    {
        lock (_gate)
        {
            _values.Add(++_last, value);
            return _last;
        }
    }

    /// <exception cref="CallException">The handle is not open.</exception>
    public T Get(string function, nint handle)
    {
        lock (_gate)
        {
            return _values.TryGetValue(handle, out var value) ? value : throw new CallException(
                Status.InvalidArgument,
                $"[{function}] {kind}: expected an open {kind}, got {handle}");
        }
    }

    public void Remove(nint handle)
    {
        lock (_gate)
        {
            _values.Remove(handle);
        }
    }
}
