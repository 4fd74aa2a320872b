using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// Keys and values of one attention layer, each [slot, G, Rows, PaddedDim] in the cache's format.
/// Rows are the context length up to a multiple of 8, because matrix tiles read 8 positions.
/// </summary>
internal sealed class CacheMemory
{
    private readonly long _rowBytes;

    public CacheMemory(DeviceBuffer buffer, CacheShape shape, ExecutorOptions options)
    {
        Shape = shape;
        Format = options.CacheFormat;
        Rows = RowCount(options);
        PaddedDim = Pad(shape.HeadDim);
        _rowBytes = (long)PaddedDim * ElementBytes(Format);
        long half = buffer.Length / 2;
        Keys = new BufferRef(buffer, 0, half);
        Values = new BufferRef(buffer, half, half);
    }

    public CacheShape Shape { get; }

    public CacheFormat Format { get; }

    /// <summary>Positions from one head to the next.</summary>
    public int Rows { get; }

    /// <summary>Elements from one position to the next: 32, 64, 128 or 256.</summary>
    public int PaddedDim { get; }

    public BufferRef Keys { get; }

    public BufferRef Values { get; }

    public static long ByteCount(CacheShape shape, ExecutorOptions options) => checked(
        2L * options.Slots * shape.KvHeads * RowCount(options) * Pad(shape.HeadDim)
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

    private static int RowCount(ExecutorOptions options) =>
        checked(options.ContextLength + 7) / 8 * 8;

    private static int Pad(int headDim) => headDim switch
    {
        <= 32 => 32,
        <= 64 => 64,
        <= 128 => 128,
        <= 256 => 256,
        _ => throw new MetalMoeException(
            $"[metal] attention: expected a head dimension up to 256, got {headDim}"),
    };

    private static int ElementBytes(CacheFormat format) => format == CacheFormat.F16 ? 2 : 4;

    private void Copy(BufferRef half, int source, int destination, int head, int length)
    {
        long headBytes = Rows * _rowBytes;
        long bytes = length * _rowBytes;
        long from = ((long)source * Shape.KvHeads + head) * headBytes;
        long to = ((long)destination * Shape.KvHeads + head) * headBytes;
        half.Slice(from, bytes).AsSpan<byte>().CopyTo(half.Slice(to, bytes).AsSpan<byte>());
    }
}
