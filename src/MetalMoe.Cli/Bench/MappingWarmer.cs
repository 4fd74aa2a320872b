using System.Runtime.InteropServices;
using MetalMoe.Core.Gguf;

namespace MetalMoe.Cli.Bench;

/// <summary>Brings all pages of a mapped model file into memory before anything is timed.
/// </summary>
internal static class MappingWarmer
{
    /// <summary>A page is at least this long on every system we run on.</summary>
    private const int PageBytes = 4096;

    private const long ReportBytes = 64L << 20;

    /// <summary>Touches every page of every tensor in file order.</summary>
    /// <param name="file">The mapped file.</param>
    /// <param name="progress">Gets the fraction done, every 64 MiB.</param>
    /// <param name="cancellationToken">Stops between two reports.</param>
    public static void Warm(
        GgufFile file, Action<double>? progress, CancellationToken cancellationToken)
    {
        long total = file.Tensors.Sum(t => t.ByteCount);
        long done = 0;
        long reported = 0;
        foreach (GgufTensor tensor in file.Tensors)
        {
            for (long offset = 0; offset < tensor.ByteCount; offset += PageBytes)
            {
                _ = Marshal.ReadByte(tensor.Address + (nint)offset);
                if (done + offset - reported >= ReportBytes)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    reported = done + offset;
                    progress?.Invoke((double)reported / total);
                }
            }
            done += tensor.ByteCount;
        }
        progress?.Invoke(1);
    }
}
