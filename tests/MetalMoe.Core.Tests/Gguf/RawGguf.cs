using System.Text;
using MetalMoe.Core.Gguf;

namespace MetalMoe.Core.Tests.Gguf;

/// <summary>
/// Writes GGUF bytes field by field, valid or not, independently of the product's own writer.
/// </summary>
internal sealed class RawGguf
{
    private readonly List<byte> _bytes = [];

    public RawGguf(ulong tensors, ulong keys, uint version = 3, string magic = "GGUF")
    {
        Raw(Encoding.ASCII.GetBytes(magic)).U32(version).U64(tensors).U64(keys);
    }

    public RawGguf U32(uint value) => Little(value, 4);

    public RawGguf U64(ulong value) => Little(value, 8);

    public RawGguf Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public RawGguf Text(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        return U64((ulong)bytes.Length).Raw(bytes);
    }

    public RawGguf Key(string key, GgufValueType type) => Text(key).U32((uint)type);

    /// <summary>A tensor info; dimensions in the file's order, fastest first.</summary>
    public RawGguf Tensor(string name, ulong[] dimensions, uint type, ulong offset)
    {
        Text(name).U32((uint)dimensions.Length);
        foreach (ulong dimension in dimensions)
        {
            U64(dimension);
        }
        return U32(type).U64(offset);
    }

    public RawGguf PadTo(int alignment)
    {
        while (_bytes.Count % alignment != 0)
        {
            Raw(0);
        }
        return this;
    }

    public byte[] ToArray() => [.. _bytes];

    private RawGguf Little(ulong value, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _bytes.Add((byte)(value >> (8 * i)));
        }
        return this;
    }
}
