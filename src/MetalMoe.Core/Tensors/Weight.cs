using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Tensors;

/// <summary>
/// A tensor that lies in mapped memory in its file layout; nothing is copied or repacked.
/// A weight may be a run of rows of a larger tensor (<see cref="SliceRows"/>).
/// </summary>
public sealed class Weight
{
    private readonly long[] _shape;

    /// <summary>Wraps rows that start at <paramref name="address"/>.</summary>
    /// <param name="name">GGUF tensor name.</param>
    /// <param name="format">Storage format.</param>
    /// <param name="shape">Row-major shape, last dimension fastest.</param>
    /// <param name="address">Address of the first row; the mapping must outlive the weight.</param>
    public Weight(string name, QuantFormat format, ReadOnlySpan<long> shape, nint address)
    {
        Name = name;
        Format = format;
        _shape = shape.ToArray();
        Address = address;
        Columns = _shape[^1];
        Rows = 1;
        for (int i = 0; i < _shape.Length - 1; i++)
        {
            Rows = checked(Rows * _shape[i]);
        }
        RowBytes = QuantFormats.RowBytes(format, Columns);
    }

    /// <summary>GGUF tensor name, for messages.</summary>
    public string Name { get; }

    /// <summary>Storage format.</summary>
    public QuantFormat Format { get; }

    /// <summary>Row-major shape, last dimension fastest.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>Address of the first row.</summary>
    public nint Address { get; }

    /// <summary>Product of all dimensions but the last.</summary>
    public long Rows { get; }

    /// <summary>Length of a row in values.</summary>
    public long Columns { get; }

    /// <summary>Length of a row in bytes.</summary>
    public long RowBytes { get; }

    /// <summary>Bytes of the whole weight.</summary>
    public long ByteCount => Rows * RowBytes;

    /// <summary>Values in the whole weight.</summary>
    public long ElementCount => Rows * Columns;

    /// <summary>Rows [first, first + count) as a weight of shape [count, Columns].</summary>
    public Weight SliceRows(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(checked(first + count), Rows);
        return new Weight(Name, Format, [count, Columns], Address + (nint)(first * RowBytes));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Format} [{string.Join(", ", _shape)}]";
}
