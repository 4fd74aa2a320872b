namespace MetalMoe.Metal.Memory;

/// <summary>A part of a device buffer, as kernels bind it.</summary>
/// <param name="Buffer">The buffer.</param>
/// <param name="Offset">Its first byte.</param>
/// <param name="Length">Bytes; what lies behind them a checking device guards.</param>
/// <remarks>The default value binds nothing: for a parameter that a function constant leaves
/// out.</remarks>
internal readonly record struct BufferRef(DeviceBuffer Buffer, long Offset, long Length)
{
    /// <summary>True for the default value.</summary>
    public bool IsNone => Buffer is null;

    /// <summary>Address of the first byte on the host, which is the device's too.</summary>
    public nint Address => Buffer.Address + (nint)Offset;

    /// <summary>Bytes [offset, offset + length) of this part.</summary>
    public BufferRef Slice(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new BufferRef(Buffer, Offset + offset, length);
    }

    /// <summary>The bytes as values on the host. The device must not be writing them.</summary>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged =>
        new((void*)Address, checked((int)(Length / sizeof(T))));

    /// <summary>True when the two parts share a byte.</summary>
    public bool Overlaps(in BufferRef other)
    {
        // Weight windows overlap each other, so addresses decide and not buffers.
        return Address < other.Address + (nint)other.Length
            && other.Address < Address + (nint)Length;
    }
}
