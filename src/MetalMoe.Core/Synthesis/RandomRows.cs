using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Synthesis;

/// <summary>
/// Random rows of a matrix in a format, a function of (seed, tensor, row) alone, so that the
/// same options give the same bytes on any number of threads.
/// </summary>
internal static class RandomRows
{
    /// <summary>
    /// Matrices above this many values take their blocks from a pool: encoding 35 billion
    /// values one by one would take hours, and the kernels cannot tell the difference.
    /// </summary>
    private const long LargestEncoded = 1 << 20;

    /// <summary>Values of a pool: 512 blocks of 256 or 4096 of 32.</summary>
    private const int PoolValues = 1 << 17;

    /// <summary>Normal rows [rowCount, columns] with this standard deviation.</summary>
    public static TensorRows Normal(
        QuantFormat format, long elements, int columns, double deviation, ulong seed)
    {
        bool exact = elements <= LargestEncoded || QuantFormats.BlockSize(format) == 1;
        byte[]? pool = null;
        return (first, count, destination) =>
        {
            int rowBytes = (int)QuantFormats.RowBytes(format, columns);
            // A span cannot enter the lambda of a parallel loop, an array can.
            var rows = new byte[destination.Length];
            if (exact)
            {
                Parallel.For(0, count, row => EncodeRow(
                    format, columns, deviation, seed, first + row,
                    rows.AsSpan(row * rowBytes, rowBytes)));
            }
            else
            {
                pool ??= MakePool(format, deviation, seed);
                Parallel.For(0, count, row => DrawRow(
                    format, pool, seed, first + row, rows.AsSpan(row * rowBytes, rowBytes)));
            }
            rows.CopyTo(destination);
        };
    }

    /// <summary>F32 values of a function of (seed, index).</summary>
    public static TensorRows Values(int columns, ulong seed, Func<ulong, double> value) =>
        (first, count, destination) =>
        {
            var row = new float[columns];
            for (int r = 0; r < count; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    ulong index = ((ulong)(first + r) * (ulong)columns) + (ulong)c;
                    row[c] = (float)value(Hash(seed, index));
                }
                QuantEncoder.EncodeRow(
                    QuantFormat.F32, row, destination.Slice(r * columns * 4, columns * 4));
            }
        };

    /// <summary>
    /// A nearly normal number with mean 0 and deviation 1 from 64 random bits: the scaled sum
    /// of four 16-bit uniforms, exact arithmetic on every machine.
    /// </summary>
    public static double Normal(ulong bits)
    {
        double sum = (bits & 0xffff) + ((bits >> 16) & 0xffff)
            + ((bits >> 32) & 0xffff) + (bits >> 48);
        return ((sum / 65536) - 2) * 1.7320508075688772;
    }

    /// <summary>A number in [0, 1) from 64 random bits.</summary>
    public static double Uniform(ulong bits) => (bits >> 11) * (1.0 / (1UL << 53));

    /// <summary>64 random bits of a counter. Source: SplitMix64's output function.</summary>
    public static ulong Hash(ulong seed, ulong index)
    {
        ulong z = seed + ((index + 1) * 0x9e3779b97f4a7c15UL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
        return z ^ (z >> 31);
    }

    private static void EncodeRow(
        QuantFormat format, int columns, double deviation, ulong seed, long row,
        Span<byte> destination)
    {
        var values = new float[columns];
        for (int c = 0; c < columns; c++)
        {
            ulong bits = Hash(seed, ((ulong)row * (ulong)columns) + (ulong)c);
            values[c] = (float)(Normal(bits) * deviation);
        }
        QuantEncoder.EncodeRow(format, values, destination);
    }

    private static byte[] MakePool(QuantFormat format, double deviation, ulong seed)
    {
        int columns = QuantFormats.BlockSize(format);
        int blockBytes = QuantFormats.BlockBytes(format);
        int poolBlocks = PoolValues / columns;
        var pool = new byte[poolBlocks * blockBytes];
        Parallel.For(0, poolBlocks, block => EncodeRow(
            format, columns, deviation, ~seed, block,
            pool.AsSpan(block * blockBytes, blockBytes)));
        return pool;
    }

    private static void DrawRow(
        QuantFormat format, byte[] pool, ulong seed, long row, Span<byte> destination)
    {
        int blockBytes = QuantFormats.BlockBytes(format);
        int blocks = destination.Length / blockBytes;
        int poolBlocks = pool.Length / blockBytes;
        for (int b = 0; b < blocks; b++)
        {
            ulong bits = Hash(seed, ((ulong)row * (ulong)blocks) + (ulong)b);
            int drawn = (int)(bits % (ulong)poolBlocks) * blockBytes;
            pool.AsSpan(drawn, blockBytes).CopyTo(destination[(b * blockBytes)..]);
        }
    }
}
