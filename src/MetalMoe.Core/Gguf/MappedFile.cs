using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace MetalMoe.Core.Gguf;

/// <summary>
/// A read-only mapping of a whole file. Every access through <see cref="Bytes"/> is checked
/// against the length of the file.
/// </summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _mapping;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _address;
    private bool _disposed;

    public MappedFile(string path)
        : this(path, () => File.OpenHandle(path), ownsHandle: true)
    {
    }

    /// <summary>Maps an open file; the handle stays the caller's and may be closed afterwards.
    /// </summary>
    public MappedFile(SafeFileHandle handle, string name)
        : this(name, () => handle, ownsHandle: false)
    {
    }

    private MappedFile(string path, Func<SafeFileHandle> open, bool ownsHandle)
    {
        Path = path;
        SafeFileHandle? handle = null;
        try
        {
            handle = open();
            Length = RandomAccess.GetLength(handle);
            if (Length == 0)
            {
                return;
            }
            _mapping = MemoryMappedFile.CreateFromFile(
                handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None,
                leaveOpen: true);
            _view = _mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            byte* address = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
            _address = address + _view.PointerOffset;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            or NotSupportedException or ArgumentException or ObjectDisposedException)
        {
            Dispose();
            string reason = Directory.Exists(path) ? "a directory" : e.Message;
            throw new MetalMoeException(
                $"[gguf] file: expected a readable file, got {reason} ({path})", e);
        }
        finally
        {
            if (ownsHandle)
            {
                handle?.Dispose();
            }
        }
    }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Address of the first byte; page-aligned.</summary>
    public nint Address => (nint)_address;

    /// <summary>Bytes [offset, offset + count).</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (offset < 0 || count < 0 || offset > Length - count)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }
        return new ReadOnlySpan<byte>(_address + offset, count);
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (_address is not null)
        {
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        _view?.Dispose();
        _mapping?.Dispose();
    }
}
