using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Memory;

/// <summary>
/// Keys and values of one attention layer, each head contiguous over positions because that is
/// how attention reads it. Values are [slot, kv head, position, padded K]. Keys are
/// [slot, kv head, position / 16, K, 16]: one vector holds the same dimension of 16 positions,
/// so that 16 scores grow in one register and no dot product needs a horizontal sum.
/// </summary>
internal sealed unsafe class KeyValueCache : IDisposable
{
    private readonly NativeBuffer _keys;
    private readonly NativeBuffer _values;
    private readonly int _contextLength;
    private readonly int _kvHeads;
    private readonly int _headDim;
    private readonly int _elementBytes;

    public KeyValueCache(CacheShape shape, ExecutorOptions options)
    {
        _contextLength = options.ContextLength;
        _kvHeads = shape.KvHeads;
        Format = options.CacheFormat;
        HeadStride = VectorMath.Pad(shape.HeadDim);
        _headDim = shape.HeadDim;
        _elementBytes = Format == CacheFormat.F16 ? 2 : 4;
        long heads = (long)_kvHeads * options.Slots;
        _keys = new NativeBuffer(checked(KeyBytes(_contextLength) * heads));
        _values = new NativeBuffer(checked(ValueBytes(_contextLength) * heads));
    }

    public CacheFormat Format { get; }

    /// <summary>Elements from the value of one position to the next.</summary>
    public int HeadStride { get; }

    public long ByteCount => _keys.ByteCount + _values.ByteCount;

    /// <summary>Keys [K, 16] of the group that starts at <paramref name="position"/>.
    /// </summary>
    public byte* Keys(int slot, int kvHead, long position) =>
        _keys.Pointer + (Head(slot, kvHead) * KeyBytes(_contextLength)) + KeyBytes(position);

    /// <summary>Values [padded K] of a position.</summary>
    public byte* Values(int slot, int kvHead, long position) =>
        _values.Pointer + (Head(slot, kvHead) * ValueBytes(_contextLength))
        + ValueBytes(position);

    /// <summary>Writes the key and value [K] of one position.</summary>
    public void Write(int slot, int kvHead, int position, float* key, float* value)
    {
        int lane = position % VectorMath.Lanes;
        byte* keys = Keys(slot, kvHead, position - lane);
        byte* values = Values(slot, kvHead, position);
        if (Format == CacheFormat.F32)
        {
            for (int i = 0; i < _headDim; i++)
            {
                ((float*)keys)[(i * VectorMath.Lanes) + lane] = key[i];
                ((float*)values)[i] = value[i];
            }
            return;
        }
        for (int i = 0; i < _headDim; i++)
        {
            ((Half*)keys)[(i * VectorMath.Lanes) + lane] = (Half)key[i];
            ((Half*)values)[i] = (Half)value[i];
        }
    }

    public void CopySlot(int source, int destination, int length)
    {
        long keys = KeyBytes(length);
        long values = ValueBytes(length);
        for (int head = 0; head < _kvHeads; head++)
        {
            Buffer.MemoryCopy(
                Keys(source, head, 0), Keys(destination, head, 0), keys, keys);
            Buffer.MemoryCopy(
                Values(source, head, 0), Values(destination, head, 0), values, values);
        }
    }

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    private long Head(int slot, int kvHead) => ((long)slot * _kvHeads) + kvHead;

    /// <summary>Bytes of the groups that hold this many positions.</summary>
    private long KeyBytes(long positions) =>
        (positions + VectorMath.Lanes - 1) / VectorMath.Lanes
        * VectorMath.Lanes * _headDim * _elementBytes;

    private long ValueBytes(long positions) => positions * HeadStride * _elementBytes;
}
