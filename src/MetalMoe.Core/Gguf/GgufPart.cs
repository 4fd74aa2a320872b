using System.Globalization;
using System.Numerics;
using MetalMoe.Core.Quants;
using Microsoft.Win32.SafeHandles;

namespace MetalMoe.Core.Gguf;

/// <summary>
/// One mapped file: header, metadata and tensor table, all validated before anything is used.
/// Source: the GGUF specification, versions 2 and 3.
/// </summary>
internal sealed class GgufPart : IDisposable
{
    private const uint Magic = 0x46554747; // "GGUF", little-endian
    private const uint DefaultAlignment = 32;
    private const int SmallestKeyValue = 8 + 4 + 1;
    private const int SmallestTensorInfo = 8 + 4 + 8 + 4 + 8;
    private const int MaxDimensions = 4;

    private readonly MappedFile _file;
    private readonly GgufCursor _cursor;

    private GgufPart(MappedFile file)
    {
        _file = file;
        _cursor = new GgufCursor(file);
        Version = ReadVersion();
        _cursor.Subject = "tensor count";
        long tensors = _cursor.ReadCount(SmallestTensorInfo, "number of tensors");
        _cursor.Subject = "key count";
        long keys = _cursor.ReadCount(SmallestKeyValue, "number of keys");
        Metadata = new GgufMetadata(file, ReadKeys(keys));
        Tensors = ReadTensors(tensors, ReadAlignment());
        CheckOverlap();
    }

    public uint Version { get; }

    public GgufMetadata Metadata { get; }

    public List<GgufTensor> Tensors { get; }

    public string Path => _file.Path;

    public long Length => _file.Length;

    public static GgufPart Open(string path) => Open(new MappedFile(path));

    public static GgufPart Open(SafeFileHandle handle, string name) =>
        Open(new MappedFile(handle, name));

    private static GgufPart Open(MappedFile file)
    {
        try
        {
            return new GgufPart(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private uint ReadVersion()
    {
        _cursor.Subject = "magic";
        uint magic = _cursor.ReadUInt32();
        if (magic != Magic)
        {
            throw _cursor.Error(0, "GGUF", $"0x{magic:x8}, so this is not a GGUF file");
        }
        _cursor.Subject = "version";
        uint version = _cursor.ReadUInt32();
        if (version is not (2 or 3))
        {
            string found = (version & 0xffff) == 0 && version != 0
                ? "a big-endian file"
                : version.ToString(CultureInfo.InvariantCulture);
            throw _cursor.Error(4, "GGUF version 2 or 3, little-endian", found);
        }
        return version;
    }

    private Dictionary<string, GgufValue> ReadKeys(long count)
    {
        var values = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            _cursor.Subject = $"key {i}";
            long offset = _cursor.Position;
            string key = _cursor.ReadString();
            _cursor.Subject = key;
            GgufValue value = _cursor.ReadValue(_cursor.ReadType());
            if (!values.TryAdd(key, value))
            {
                throw _cursor.Error(offset, "each key once", "it again");
            }
        }
        return values;
    }

    private long ReadAlignment()
    {
        const string Key = "general.alignment";
        uint alignment = Metadata.GetUInt32OrDefault(Key, DefaultAlignment);
        return BitOperations.IsPow2(alignment)
            ? alignment
            : throw new GgufException(
                Path, Key, -1, "a power of two",
                alignment.ToString(CultureInfo.InvariantCulture));
    }

    private List<GgufTensor> ReadTensors(long count, long alignment)
    {
        var infos = new List<(string Name, QuantFormat Format, long[] Shape, ulong Offset)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            _cursor.Subject = $"tensor {i}";
            long offset = _cursor.Position;
            string name = _cursor.ReadString();
            _cursor.Subject = name;
            if (!names.Add(name))
            {
                throw _cursor.Error(offset, "each tensor once", "it again");
            }
            infos.Add(ReadTensorInfo(name));
        }
        _cursor.Align(alignment);
        long dataStart = _cursor.Position;
        var tensors = new List<GgufTensor>(infos.Count);
        foreach (var (name, format, shape, offset) in infos)
        {
            _cursor.Subject = name;
            tensors.Add(Place(name, format, shape, offset, dataStart, alignment));
        }
        return tensors;
    }

    private (string, QuantFormat, long[], ulong) ReadTensorInfo(string name)
    {
        uint dimensions = _cursor.ReadUInt32();
        if (dimensions is < 1 or > MaxDimensions)
        {
            throw _cursor.Error(_cursor.Position - 4, $"1 to {MaxDimensions} dimensions",
                dimensions.ToString(CultureInfo.InvariantCulture));
        }
        var shape = new long[dimensions];
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong length = _cursor.ReadUInt64();
            if (length is 0 or > long.MaxValue)
            {
                throw _cursor.Error(_cursor.Position - 8, "a dimension of at least 1",
                    length.ToString(CultureInfo.InvariantCulture));
            }
            shape[i] = (long)length;
        }
        var format = (QuantFormat)_cursor.ReadUInt32();
        if (!QuantFormats.IsSupported(format))
        {
            throw _cursor.Error(_cursor.Position - 4,
                $"a format of {string.Join(", ", QuantFormats.All)}", $"type id {(uint)format}");
        }
        return (name, format, shape, _cursor.ReadUInt64());
    }

    private GgufTensor Place(
        string name, QuantFormat format, long[] shape, ulong offset, long dataStart,
        long alignment)
    {
        string shown = $"[{string.Join(", ", shape)}]";
        int blockSize = QuantFormats.BlockSize(format);
        if (shape[^1] % blockSize != 0)
        {
            throw _cursor.Error(-1, $"rows of whole {format} blocks of {blockSize}", shown);
        }
        Int128 bytes = (Int128)(shape[^1] / blockSize) * QuantFormats.BlockBytes(format);
        for (int i = 0; i < shape.Length - 1 && bytes <= _file.Length; i++)
        {
            bytes *= shape[i];
        }
        if (offset % (ulong)alignment != 0)
        {
            throw _cursor.Error(-1, $"an offset that is a multiple of {alignment}",
                offset.ToString(CultureInfo.InvariantCulture));
        }
        if ((Int128)offset + bytes + dataStart > _file.Length)
        {
            throw _cursor.Error(-1, $"{bytes} bytes of {format} {shown} at data offset {offset}",
                $"a file of {_file.Length} bytes (is it truncated?)");
        }
        return new GgufTensor(
            name, format, shape, (long)bytes, dataStart + (long)offset, _file);
    }

    private void CheckOverlap()
    {
        GgufTensor? previous = null;
        foreach (GgufTensor tensor in Tensors.OrderBy(t => t.FileOffset))
        {
            if (previous is not null
                && tensor.FileOffset < previous.FileOffset + previous.ByteCount)
            {
                throw new GgufException(
                    Path, tensor.Name, tensor.FileOffset, "tensors that do not overlap",
                    $"an overlap with {previous.Name}");
            }
            previous = tensor;
        }
    }
}
