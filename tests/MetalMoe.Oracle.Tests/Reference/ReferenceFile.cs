using System.Buffers.Binary;
using System.Text;
using MetalMoe.Oracle.Tests.LlamaCpp;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>A tensor's place in the file; extents in ggml's order, fastest first.</summary>
public sealed record ReferenceTensor(int Type, long[] Extents, long Offset);

/// <summary>
/// The smallest GGUF reader that serves the reference: trusts its input, reads the whole file
/// into memory, decodes tensors with ggml's own decoders.
/// Source: the GGUF specification.
/// </summary>
public sealed class ReferenceFile
{
    private const int Alignment = 32;
    private const int StringType = 8;
    private const int ArrayType = 9;

    private readonly byte[] _bytes;
    private readonly long _dataStart;
    private readonly int _metadataEnd;
    private int _cursor = 8;

    /// <summary>Reads a file.</summary>
    public ReferenceFile(string path)
    {
        _bytes = File.ReadAllBytes(path);
        long tensorCount = (long)Unsigned(8);
        long keyCount = (long)Unsigned(8);
        for (long i = 0; i < keyCount; i++)
        {
            string key = Text();
            Keys[key] = Value((int)Unsigned(4));
        }
        _metadataEnd = _cursor;
        for (long i = 0; i < tensorCount; i++)
        {
            string name = Text();
            var extents = new long[Unsigned(4)];
            for (int d = 0; d < extents.Length; d++)
            {
                extents[d] = (long)Unsigned(8);
            }
            Tensors[name] = new ReferenceTensor((int)Unsigned(4), extents, (long)Unsigned(8));
        }
        long alignment = (long)Number("general.alignment", Alignment);
        _dataStart = (_cursor + alignment - 1) / alignment * alignment;
    }

    /// <summary>Metadata: double, string or object[].</summary>
    public Dictionary<string, object> Keys { get; } = [];

    /// <summary>Tensors by name.</summary>
    public Dictionary<string, ReferenceTensor> Tensors { get; } = [];

    /// <summary>The bytes before the first tensor's description.</summary>
    public ReadOnlySpan<byte> HeaderAndMetadata => _bytes.AsSpan(0, _metadataEnd);

    /// <summary>A number, or what stands for it when the key is absent.</summary>
    public double Number(string key, double? otherwise = null) =>
        Keys.TryGetValue(key, out object? value)
            ? (double)value
            : otherwise ?? throw new KeyNotFoundException(key);

    /// <summary>The values of a tensor, row by row.</summary>
    public float[] Values(string name)
    {
        var tensor = Tensors[name];
        long count = tensor.Extents.Aggregate(1L, (a, b) => a * b);
        long bytes = count / GgmlFormats.BlockSize(tensor.Type)
            * GgmlFormats.BlockBytes(tensor.Type);
        var values = new float[count];
        GgmlFormats.ToFloat(
            tensor.Type,
            _bytes.AsSpan((int)(_dataStart + tensor.Offset), (int)bytes),
            values);
        return values;
    }

    private object Value(int type) => type switch
    {
        0 or 7 => (double)Unsigned(1),
        1 => (double)(sbyte)Unsigned(1),
        2 => (double)Unsigned(2),
        3 => (double)(short)Unsigned(2),
        4 => (double)Unsigned(4),
        5 => (double)(int)Unsigned(4),
        6 => (double)BitConverter.UInt32BitsToSingle((uint)Unsigned(4)),
        StringType => Text(),
        ArrayType => Array(),
        10 => (double)Unsigned(8),
        11 => (double)(long)Unsigned(8),
        12 => BitConverter.UInt64BitsToDouble(Unsigned(8)),
        _ => throw new InvalidDataException($"GGUF value type {type}"),
    };

    private object[] Array()
    {
        int type = (int)Unsigned(4);
        var items = new object[Unsigned(8)];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = Value(type);
        }
        return items;
    }

    private string Text()
    {
        int length = (int)Unsigned(8);
        _cursor += length;
        return Encoding.UTF8.GetString(_bytes, _cursor - length, length);
    }

    private ulong Unsigned(int bytes)
    {
        Span<byte> padded = stackalloc byte[8];
        padded.Clear();
        _bytes.AsSpan(_cursor, bytes).CopyTo(padded);
        _cursor += bytes;
        return BinaryPrimitives.ReadUInt64LittleEndian(padded);
    }
}
