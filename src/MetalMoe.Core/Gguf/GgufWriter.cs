using System.Buffers.Binary;
using System.Text;
using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Gguf;

/// <summary>
/// Fills whole rows [firstRow, firstRow + rowCount) of a tensor, in the tensor's format.
/// </summary>
public delegate void TensorRows(long firstRow, int rowCount, Span<byte> destination);

/// <summary>
/// Writes a GGUF file: keys and the tensor table are collected first, then the data is asked for
/// a few megabytes at a time, so a file larger than memory can be written.
/// </summary>
public sealed class GgufWriter
{
    private const int ChunkBytes = 8 << 20;

    private readonly uint _version;
    private readonly uint _alignment;
    private readonly List<(string Key, byte[] TypeAndValue)> _keys = [];
    private readonly List<PlannedTensor> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>Starts an empty file.</summary>
    /// <param name="version">2 or 3.</param>
    /// <param name="alignment">Of tensor data, a power of two; written when it is not 32.</param>
    public GgufWriter(uint version = 3, uint alignment = 32)
    {
        if (version is not (2 or 3) || !System.Numerics.BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException("[gguf] expected version 2 or 3, alignment a power of 2");
        }
        _version = version;
        _alignment = alignment;
        if (alignment != 32)
        {
            Add("general.alignment", alignment);
        }
    }

    /// <summary>Adds a string.</summary>
    public void Add(string key, string value) =>
        AddValue(key, GgufValueType.String, w => WriteString(w, value));

    /// <summary>Adds an unsigned 32-bit integer.</summary>
    public void Add(string key, uint value) =>
        AddValue(key, GgufValueType.UInt32, w => w.Write(value));

    /// <summary>Adds a binary32 value.</summary>
    public void Add(string key, float value) =>
        AddValue(key, GgufValueType.Float32, w => w.Write(value));

    /// <summary>Adds a boolean.</summary>
    public void Add(string key, bool value) =>
        AddValue(key, GgufValueType.Bool, w => w.Write(value));

    /// <summary>Adds an unsigned 16-bit integer (the type of the split keys).</summary>
    public void Add(string key, ushort value) =>
        AddValue(key, GgufValueType.UInt16, w => w.Write(value));

    /// <summary>Adds an array of strings.</summary>
    public void Add(string key, IReadOnlyList<string> values) => AddArray(
        key, GgufValueType.String, values.Count, w =>
        {
            foreach (string value in values)
            {
                WriteString(w, value);
            }
        });

    /// <summary>Adds an array of 32-bit integers.</summary>
    public void Add(string key, IReadOnlyList<int> values) => AddArray(
        key, GgufValueType.Int32, values.Count, w =>
        {
            foreach (int value in values)
            {
                w.Write(value);
            }
        });

    /// <summary>Adds an array of booleans.</summary>
    public void Add(string key, IReadOnlyList<bool> values) => AddArray(
        key, GgufValueType.Bool, values.Count, w =>
        {
            foreach (bool value in values)
            {
                w.Write(value);
            }
        });

    /// <summary>Copies a key and its value, of whatever type, from another file.</summary>
    public void Copy(string key, GgufMetadata source)
    {
        ArgumentNullException.ThrowIfNull(source);
        GgufValue value = source.Values[key];
        byte[] raw = source.RawBytes(value).ToArray();
        if (value.Type == GgufValueType.Array)
        {
            AddArray(key, value.ElementType, value.Count, w => w.Write(raw));
        }
        else
        {
            AddValue(key, value.Type, w => w.Write(raw));
        }
    }

    /// <summary>Plans a tensor; its rows are asked for when the file is written.</summary>
    /// <param name="name">Tensor name, unique.</param>
    /// <param name="format">Format of the rows.</param>
    /// <param name="shape">Row-major shape, last dimension fastest.</param>
    /// <param name="rows">Gives the data.</param>
    public void AddTensor(
        string name, QuantFormat format, ReadOnlySpan<long> shape, TensorRows rows)
    {
        if (shape.Length is < 1 or > 4 || shape.ContainsAnyInRange(long.MinValue, 0))
        {
            throw new ArgumentException(
                $"[gguf] {name}: expected 1 to 4 dimensions of at least 1, got "
                + $"[{string.Join(", ", shape.ToArray())}]", nameof(shape));
        }
        if (!_names.Add(name))
        {
            throw new ArgumentException($"[gguf] {name}: expected each tensor once", nameof(name));
        }
        long rowCount = 1;
        foreach (long length in shape[..^1])
        {
            rowCount = checked(rowCount * length);
        }
        _tensors.Add(new PlannedTensor(
            name, format, shape.ToArray(), rowCount, QuantFormats.RowBytes(format, shape[^1]),
            rows));
    }

    /// <summary>Bytes of tensor data.</summary>
    public long DataBytes => _tensors.Sum(t => Align(t.ByteCount));

    /// <summary>
    /// Writes the file beside its place and moves it there when it is whole: a failure or a
    /// cancellation leaves what was at <paramref name="path"/> as it was, even when that is a
    /// file that this one copies from.
    /// </summary>
    /// <param name="path">Where to.</param>
    /// <param name="progress">Bytes of tensor data written so far.</param>
    /// <param name="cancellationToken">Stops between two chunks.</param>
    /// <exception cref="MetalMoeException">The file cannot be written.</exception>
    public void Write(
        string path, IProgress<long>? progress = null,
        CancellationToken cancellationToken = default)
    {
        string draft = path + ".part";
        bool created = false;
        try
        {
            using (var stream = new FileStream(
                draft, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                created = true;
                WriteHeader(stream);
                long written = 0;
                foreach (PlannedTensor tensor in _tensors)
                {
                    WriteTensor(stream, tensor, ref written, progress, cancellationToken);
                }
            }
            File.Move(draft, path, overwrite: true);
            created = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MetalMoeException(
                $"[gguf] file: expected a path that can be written, got {e.Message} ({path})", e);
        }
        finally
        {
            if (created)
            {
                File.Delete(draft);
            }
        }
    }

    private void WriteHeader(FileStream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write("GGUF"u8);
        writer.Write(_version);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_keys.Count);
        foreach (var (key, typeAndValue) in _keys)
        {
            WriteString(writer, key);
            writer.Write(typeAndValue);
        }
        long offset = 0;
        foreach (PlannedTensor tensor in _tensors)
        {
            WriteString(writer, tensor.Name);
            writer.Write((uint)tensor.Shape.Length);
            for (int i = tensor.Shape.Length - 1; i >= 0; i--)
            {
                writer.Write(tensor.Shape[i]);
            }
            writer.Write((uint)tensor.Format);
            writer.Write(offset);
            offset += Align(tensor.ByteCount);
        }
        writer.Flush();
        Pad(stream, stream.Position);
    }

    private void WriteTensor(
        FileStream stream, PlannedTensor tensor, ref long written, IProgress<long>? progress,
        CancellationToken cancellationToken)
    {
        int rowsPerChunk = (int)Math.Clamp(ChunkBytes / tensor.RowBytes, 1, tensor.RowCount);
        var chunk = new byte[checked(rowsPerChunk * tensor.RowBytes)];
        for (long row = 0; row < tensor.RowCount; row += rowsPerChunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rowsPerChunk, tensor.RowCount - row);
            Span<byte> bytes = chunk.AsSpan(0, (int)(count * tensor.RowBytes));
            tensor.Rows(row, count, bytes);
            stream.Write(bytes);
            written += bytes.Length;
            progress?.Report(written);
        }
        Pad(stream, tensor.ByteCount);
    }

    private void Pad(FileStream stream, long position) =>
        stream.Write(new byte[Align(position) - position]);

    private long Align(long bytes) => (bytes + _alignment - 1) / _alignment * _alignment;

    private void AddArray(
        string key, GgufValueType element, long count, Action<BinaryWriter> write) =>
        AddValue(key, GgufValueType.Array, w =>
        {
            w.Write((uint)element);
            w.Write((ulong)count);
            write(w);
        });

    private void AddValue(string key, GgufValueType type, Action<BinaryWriter> write)
    {
        var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write((uint)type);
            write(writer);
        }
        _keys.Add((key, bytes.ToArray()));
    }

    private static void WriteString(BinaryWriter writer, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)bytes.Length);
        writer.Write(length);
        writer.Write(bytes);
    }

    private sealed record PlannedTensor(
        string Name, QuantFormat Format, long[] Shape, long RowCount, long RowBytes,
        TensorRows Rows)
    {
        public long ByteCount => checked(RowCount * RowBytes);
    }
}
