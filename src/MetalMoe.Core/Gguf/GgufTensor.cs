using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Gguf;

/// <summary>One tensor of a file, lying in the mapping.</summary>
public sealed class GgufTensor
{
    internal GgufTensor(
        string name, QuantFormat format, long[] shape, long byteCount, long fileOffset,
        MappedFile file)
    {
        Name = name;
        Format = format;
        Shape = shape;
        ByteCount = byteCount;
        FileOffset = fileOffset;
        File = file.Path;
        Address = file.Address + (nint)fileOffset;
        ElementCount = shape.Aggregate(1L, (product, n) => product * n);
    }

    /// <summary>Name as in the file.</summary>
    public string Name { get; }

    /// <summary>Storage format.</summary>
    public QuantFormat Format { get; }

    /// <summary>
    /// Row-major shape, last dimension fastest: the file's order (fastest first) reversed.
    /// </summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Values in the tensor.</summary>
    public long ElementCount { get; }

    /// <summary>Bytes of the tensor.</summary>
    public long ByteCount { get; }

    /// <summary>Offset of the first byte in <see cref="File"/>.</summary>
    public long FileOffset { get; }

    /// <summary>Address of the first byte in the mapping; valid until the file is disposed.
    /// </summary>
    public nint Address { get; }

    /// <summary>Path of the (part) file that holds the tensor.</summary>
    public string File { get; }
}
