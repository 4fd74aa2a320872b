using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Gguf;

/// <summary>Reads a mapped file front to back; every read is checked before it is done.</summary>
internal sealed class GgufCursor(MappedFile file)
{
    /// <summary>Deepest nesting of arrays in arrays that is read.</summary>
    private const int MaxDepth = 4;

    /// <summary>What is being read, for messages.</summary>
    public string Subject { get; set; } = "header";

    public long Position { get; private set; }

    public long Remaining => file.Length - Position;

    public MappedFile File => file;

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A count of items that take at least <paramref name="itemBytes"/> each.</summary>
    public long ReadCount(int itemBytes, string what)
    {
        ulong count = ReadUInt64();
        long most = Remaining / itemBytes;
        if (count > (ulong)most)
        {
            throw Error(
                Position - 8, $"a {what} of at most {most} (what the file has room for)",
                count.ToString(CultureInfo.InvariantCulture));
        }
        return (long)count;
    }

    /// <summary>A string: offset and length of its bytes.</summary>
    public (long Offset, int Length) ReadBytes()
    {
        long length = ReadCount(1, "string length");
        if (length > int.MaxValue)
        {
            throw Error(Position - 8, "a string of less than 2 GiB", $"{length} bytes");
        }
        long offset = Position;
        Position += length;
        return (offset, (int)length);
    }

    public string ReadString()
    {
        var (offset, length) = ReadBytes();
        return Encoding.UTF8.GetString(file.Bytes(offset, length));
    }

    public GgufValueType ReadType()
    {
        uint type = ReadUInt32();
        if (type > (uint)GgufValueType.Float64)
        {
            throw Error(Position - 4, "a value type of 0 to 12",
                type.ToString(CultureInfo.InvariantCulture));
        }
        return (GgufValueType)type;
    }

    /// <summary>Reads over one value and remembers where it lies.</summary>
    public GgufValue ReadValue(GgufValueType type)
    {
        long start = Position;
        switch (type)
        {
            case GgufValueType.String:
                ReadBytes();
                return new GgufValue(type, default, 1, start, Position - start);
            case GgufValueType.Array:
                return ReadArray(depth: 1);
            default:
                Take(GgufValueTypes.SizeOf(type));
                return new GgufValue(type, default, 1, start, Position - start);
        }
    }

    public void Align(long alignment)
    {
        long aligned = (Position + alignment - 1) / alignment * alignment;
        Position = aligned;
    }

    public GgufException Error(long offset, string expected, string found) =>
        new(file.Path, Subject, offset, expected, found);

    private GgufValue ReadArray(int depth)
    {
        GgufValueType element = ReadType();
        int size = GgufValueTypes.SizeOf(element);
        // A string takes at least its length, an array its type and count.
        int smallest = element switch
        {
            GgufValueType.String => 8,
            GgufValueType.Array => 12,
            _ => size,
        };
        long count = ReadCount(smallest, "number of array elements");
        long start = Position;
        if (size > 0)
        {
            Position += count * size;
            return new GgufValue(
                GgufValueType.Array, element, count, start, Position - start);
        }
        if (element == GgufValueType.Array && depth == MaxDepth)
        {
            throw Error(start, $"arrays nested at most {MaxDepth} deep", "a deeper one");
        }
        for (long i = 0; i < count; i++)
        {
            if (element == GgufValueType.String)
            {
                ReadBytes();
            }
            else
            {
                ReadArray(depth + 1);
            }
        }
        return new GgufValue(GgufValueType.Array, element, count, start, Position - start);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (Remaining < count)
        {
            throw Error(Position, $"{count} more bytes", $"the end of the file");
        }
        ReadOnlySpan<byte> bytes = file.Bytes(Position, count);
        Position += count;
        return bytes;
    }
}
