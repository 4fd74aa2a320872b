using System.Text;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>
/// Writes a copy of a GGUF file with every tensor decoded to F32, so that an engine which rounds
/// activations to suit a format has no format to suit.
/// </summary>
public static class Float32Copy
{
    private const int Alignment = 32;

    /// <summary>Writes <paramref name="target"/>; the metadata is carried over unread.</summary>
    public static void Write(string source, string target)
    {
        var file = new ReferenceFile(source);
        using var stream = File.Create(target);
        using var writer = new BinaryWriter(stream);
        writer.Write(file.HeaderAndMetadata);
        long offset = 0;
        foreach (var (name, tensor) in file.Tensors)
        {
            byte[] text = Encoding.UTF8.GetBytes(name);
            writer.Write((ulong)text.Length);
            writer.Write(text);
            writer.Write((uint)tensor.Extents.Length);
            foreach (long extent in tensor.Extents)
            {
                writer.Write(extent);
            }
            writer.Write(0); // F32
            writer.Write(offset);
            offset = Aligned(offset + 4 * tensor.Extents.Aggregate(1L, (a, b) => a * b));
        }
        foreach (string name in file.Tensors.Keys)
        {
            writer.Write(new byte[Aligned(stream.Position) - stream.Position]);
            foreach (float value in file.Values(name))
            {
                writer.Write(value);
            }
        }
        writer.Write(new byte[Aligned(stream.Position) - stream.Position]);
    }

    private static long Aligned(long position) =>
        (position + Alignment - 1) / Alignment * Alignment;
}
