using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Memory;

/// <summary>
/// Keys and values of one attention layer: [slot, kv head, position, padded head dimension],
/// each head contiguous over positions because that is how attention reads it.
/// </summary>
internal sealed unsafe class KeyValueCache : IDisposable
{
    private readonly NativeBuffer _keys;
    private readonly NativeBuffer _values;
    private readonly int _contextLength;
    private readonly int _kvHeads;
    private readonly long _rowBytes;

    public KeyValueCache(CacheShape shape, ExecutorOptions options)
    {
        _contextLength = options.ContextLength;
        _kvHeads = shape.KvHeads;
        Format = options.CacheFormat;
        HeadStride = VectorMath.Pad(shape.HeadDim);
        _rowBytes = (long)HeadStride * (Format == CacheFormat.F16 ? 2 : 4);
        long bytes = checked(_rowBytes * _contextLength * _kvHeads * options.Slots);
        _keys = new NativeBuffer(bytes);
        _values = new NativeBuffer(bytes);
    }

    public CacheFormat Format { get; }

    /// <summary>Elements from one position to the next.</summary>
    public int HeadStride { get; }

    public long ByteCount => _keys.ByteCount + _values.ByteCount;

    public byte* Keys(int slot, int kvHead, long position) =>
        _keys.Pointer + Offset(slot, kvHead, position);

    public byte* Values(int slot, int kvHead, long position) =>
        _values.Pointer + Offset(slot, kvHead, position);

    public void CopySlot(int source, int destination, int length)
    {
        long bytes = _rowBytes * length;
        for (int head = 0; head < _kvHeads; head++)
        {
            Buffer.MemoryCopy(
                Keys(source, head, 0), Keys(destination, head, 0), bytes, bytes);
            Buffer.MemoryCopy(
                Values(source, head, 0), Values(destination, head, 0), bytes, bytes);
        }
    }

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    private long Offset(int slot, int kvHead, long position) =>
        _rowBytes * (((((long)slot * _kvHeads) + kvHead) * _contextLength) + position);
}
