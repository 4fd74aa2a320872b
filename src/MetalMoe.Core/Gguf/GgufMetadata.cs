using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Gguf;

/// <summary>
/// The typed key/value table of a file. Getters throw a <see cref="GgufException"/> that names
/// file, key, expected and found when a key is missing or has another type.
/// </summary>
public sealed class GgufMetadata
{
    private readonly MappedFile _file;
    private readonly Dictionary<string, GgufValue> _values;

    internal GgufMetadata(MappedFile file, Dictionary<string, GgufValue> values)
    {
        _file = file;
        _values = values;
    }

    /// <summary>All keys with the place and type of their values, in file order.</summary>
    public IReadOnlyDictionary<string, GgufValue> Values => _values;

    /// <summary>True when the key is present.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>A string.</summary>
    public string GetString(string key) =>
        Encoding.UTF8.GetString(StringBytes(Require(key, "a string", GgufValueType.String)));

    /// <summary>A string, or false when the key is absent.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = Contains(key) ? GetString(key) : null;
        return value is not null;
    }

    /// <summary>Any integer type whose value fits 32 unsigned bits.</summary>
    public uint GetUInt32(string key)
    {
        ulong value = GetUInt64(key);
        return value <= uint.MaxValue
            ? (uint)value
            : throw Wrong(key, "an integer of 32 bits",
                value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The integer, or <paramref name="otherwise"/> when the key is absent.</summary>
    public uint GetUInt32OrDefault(string key, uint otherwise) =>
        Contains(key) ? GetUInt32(key) : otherwise;

    /// <summary>Any integer type whose value is not negative.</summary>
    public ulong GetUInt64(string key)
    {
        GgufValue value = Require(key, "an integer");
        if (!TryInteger(value.Type, value.Offset, out Int128 integer))
        {
            throw Wrong(key, "an integer", Describe(value));
        }
        return integer >= 0
            ? (ulong)integer
            : throw Wrong(key, "an integer that is not negative",
                integer.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A binary32 or binary64 value.</summary>
    public float GetFloat32(string key)
    {
        GgufValue value = Require(key, "a float");
        return value.Type switch
        {
            GgufValueType.Float32 or GgufValueType.Float64 => Float(value.Type, value.Offset),
            _ => throw Wrong(key, "a float", Describe(value)),
        };
    }

    /// <summary>A boolean.</summary>
    public bool GetBool(string key) =>
        _file.Bytes(Require(key, "a bool", GgufValueType.Bool).Offset, 1)[0] != 0;

    /// <summary>The boolean, or <paramref name="otherwise"/> when the key is absent.</summary>
    public bool GetBoolOrDefault(string key, bool otherwise) =>
        Contains(key) ? GetBool(key) : otherwise;

    /// <summary>An array of any integer type whose values fit 32 signed bits.</summary>
    public int[] GetInt32Array(string key)
    {
        GgufValue array = RequireArray(key, "an array of integers");
        var result = new int[Length(key, array)];
        int size = GgufValueTypes.SizeOf(array.ElementType);
        for (int i = 0; i < result.Length; i++)
        {
            long offset = array.Offset + ((long)i * size);
            if (!TryInteger(array.ElementType, offset, out Int128 value))
            {
                throw Wrong(key, "an array of integers", Describe(array));
            }
            if (value < int.MinValue || value > int.MaxValue)
            {
                throw Wrong(key, "integers of 32 bits",
                    value.ToString(CultureInfo.InvariantCulture));
            }
            result[i] = (int)value;
        }
        return result;
    }

    /// <summary>An array of binary32 or binary64 values.</summary>
    public float[] GetFloat32Array(string key)
    {
        GgufValue array = RequireArray(key, "an array of floats");
        if (array.ElementType is not (GgufValueType.Float32 or GgufValueType.Float64))
        {
            throw Wrong(key, "an array of floats", Describe(array));
        }
        var result = new float[Length(key, array)];
        int size = GgufValueTypes.SizeOf(array.ElementType);
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = Float(array.ElementType, array.Offset + ((long)i * size));
        }
        return result;
    }

    /// <summary>An array of booleans.</summary>
    public bool[] GetBoolArray(string key)
    {
        GgufValue array = RequireArray(key, "an array of bools");
        if (array.ElementType != GgufValueType.Bool)
        {
            throw Wrong(key, "an array of bools", Describe(array));
        }
        var result = new bool[Length(key, array)];
        ReadOnlySpan<byte> bytes = _file.Bytes(array.Offset, result.Length);
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = bytes[i] != 0;
        }
        return result;
    }

    /// <summary>An array of strings, decoded as UTF-8.</summary>
    public IReadOnlyList<string> GetStringArray(string key)
    {
        GgufValue array = RequireStrings(key);
        var result = new string[Length(key, array)];
        long offset = array.Offset;
        for (int i = 0; i < result.Length; i++)
        {
            ReadOnlySpan<byte> bytes = StringBytes(offset);
            result[i] = Encoding.UTF8.GetString(bytes);
            offset += 8 + bytes.Length;
        }
        return result;
    }

    /// <summary>An array of strings as the bytes that the file holds.</summary>
    public IReadOnlyList<byte[]> GetByteStringArray(string key)
    {
        GgufValue array = RequireStrings(key);
        var result = new byte[Length(key, array)][];
        long offset = array.Offset;
        for (int i = 0; i < result.Length; i++)
        {
            ReadOnlySpan<byte> bytes = StringBytes(offset);
            result[i] = bytes.ToArray();
            offset += 8 + bytes.Length;
        }
        return result;
    }

    /// <summary>The value as one short text for people (long arrays and strings are cut).
    /// </summary>
    public string Display(string key)
    {
        GgufValue value = Require(key, "a value");
        return value.Type switch
        {
            GgufValueType.String => GetString(key),
            GgufValueType.Array => DisplayArray(key, value),
            _ => DisplayScalar(value.Type, value.Offset),
        };
    }

    /// <summary>The bytes of a value (without type and count), to be written elsewhere.</summary>
    internal ReadOnlySpan<byte> RawBytes(GgufValue value) =>
        _file.Bytes(value.Offset, checked((int)value.ByteCount));

    private string DisplayArray(string key, GgufValue array)
    {
        const int Shown = 8;
        int size = GgufValueTypes.SizeOf(array.ElementType);
        int count = (int)Math.Min(array.Count, Shown);
        IEnumerable<string> items = array.ElementType switch
        {
            GgufValueType.String => GetStringArray(key).Take(count).Select(s => $"\"{s}\""),
            GgufValueType.Array => [$"{array.Count} arrays"],
            _ => Enumerable.Range(0, count).Select(
                i => DisplayScalar(array.ElementType, array.Offset + ((long)i * size))),
        };
        string rest = array.Count > Shown ? $", ... {array.Count} in all" : string.Empty;
        return $"[{string.Join(", ", items)}{rest}]";
    }

    private string DisplayScalar(GgufValueType type, long offset)
    {
        if (TryInteger(type, offset, out Int128 integer))
        {
            return integer.ToString(CultureInfo.InvariantCulture);
        }
        return type == GgufValueType.Bool
            ? (_file.Bytes(offset, 1)[0] != 0 ? "true" : "false")
            : Float(type, offset).ToString("R", CultureInfo.InvariantCulture);
    }

    private GgufValue Require(string key, string expected, GgufValueType? type = null)
    {
        if (!_values.TryGetValue(key, out GgufValue value))
        {
            throw Wrong(key, expected, "no such key");
        }
        return type is null || value.Type == type
            ? value
            : throw Wrong(key, expected, Describe(value));
    }

    private GgufValue RequireArray(string key, string expected) =>
        Require(key, expected, GgufValueType.Array);

    private GgufValue RequireStrings(string key)
    {
        GgufValue array = RequireArray(key, "an array of strings");
        return array.ElementType == GgufValueType.String
            ? array
            : throw Wrong(key, "an array of strings", Describe(array));
    }

    private int Length(string key, GgufValue array) => array.Count <= Array.MaxLength / 16
        ? (int)array.Count
        : throw Wrong(key, $"at most {Array.MaxLength / 16} elements", $"{array.Count}");

    private ReadOnlySpan<byte> StringBytes(GgufValue value) => StringBytes(value.Offset);

    private ReadOnlySpan<byte> StringBytes(long offset)
    {
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(_file.Bytes(offset, 8));
        return _file.Bytes(offset + 8, (int)length);
    }

    private bool TryInteger(GgufValueType type, long offset, out Int128 value)
    {
        ReadOnlySpan<byte> b = _file.Bytes(offset, GgufValueTypes.SizeOf(type));
        Int128? integer = type switch
        {
            GgufValueType.UInt8 => b[0],
            GgufValueType.Int8 => (sbyte)b[0],
            GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(b),
            GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(b),
            GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(b),
            GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(b),
            GgufValueType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(b),
            GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(b),
            _ => null,
        };
        value = integer ?? 0;
        return integer.HasValue;
    }

    private float Float(GgufValueType type, long offset) => type == GgufValueType.Float32
        ? BinaryPrimitives.ReadSingleLittleEndian(_file.Bytes(offset, 4))
        : (float)BinaryPrimitives.ReadDoubleLittleEndian(_file.Bytes(offset, 8));

    private static string Describe(GgufValue value) => value.Type == GgufValueType.Array
        ? $"an array of {value.Count} {value.ElementType}"
        : value.Type.ToString();

    private GgufException Wrong(string key, string expected, string found) =>
        new(_file.Path, key, -1, expected, found);
}
