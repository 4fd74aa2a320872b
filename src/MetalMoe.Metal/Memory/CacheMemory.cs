using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// Keys and values of one attention layer, each [slot, G, S, K] in the cache's format, where S is
/// the context length.
/// </summary>
internal sealed class CacheMemory
{
    private readonly int _contextLength;
    private readonly long _rowBytes;

    public CacheMemory(DeviceBuffer buffer, CacheShape shape, ExecutorOptions options)
    {
        Shape = shape;
        Format = options.CacheFormat;
        _contextLength = options.ContextLength;
        _rowBytes = (long)shape.HeadDim * ElementBytes(Format);
        long half = buffer.Length / 2;
        Keys = new BufferRef(buffer, 0, half);
        Values = new BufferRef(buffer, half, half);
    }

    public CacheShape Shape { get; }

    public CacheFormat Format { get; }

    public BufferRef Keys { get; }

    public BufferRef Values { get; }

    public static long ByteCount(CacheShape shape, ExecutorOptions options) => checked(
        2L * options.Slots * shape.KvHeads * options.ContextLength * shape.HeadDim
        * ElementBytes(options.CacheFormat));

    /// <summary>Copies the first positions of every head.</summary>
    public void CopySlot(int source, int destination, int length)
    {
        for (int head = 0; head < Shape.KvHeads; head++)
        {
            Copy(Keys, source, destination, head, length);
            Copy(Values, source, destination, head, length);
        }
    }

    private static int ElementBytes(CacheFormat format) => format == CacheFormat.F16 ? 2 : 4;

    private void Copy(BufferRef half, int source, int destination, int head, int length)
    {
        long headBytes = _contextLength * _rowBytes;
        long bytes = length * _rowBytes;
        long from = ((long)source * Shape.KvHeads + head) * headBytes;
        long to = ((long)destination * Shape.KvHeads + head) * headBytes;
        half.Slice(from, bytes).AsSpan<byte>().CopyTo(half.Slice(to, bytes).AsSpan<byte>());
    }
}
