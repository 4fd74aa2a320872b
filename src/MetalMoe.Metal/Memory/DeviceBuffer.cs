using MetalMoe.Metal.Interop;

namespace MetalMoe.Metal.Memory;

/// <summary>A shared Metal buffer: host and device read and write the same bytes.</summary>
internal sealed unsafe class DeviceBuffer : IDisposable
{
    public DeviceBuffer(BufferHandle handle)
    {
        Handle = handle;
        Status.Check(
            NativeMethods.mm_buffer_contents(handle, out void* contents, out ulong bytes),
            "buffer contents");
        Address = (nint)contents;
        Length = checked((long)bytes);
    }

    public BufferHandle Handle { get; }

    /// <summary>Address on the host; valid while the buffer lives.</summary>
    public nint Address { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>All of it.</summary>
    public BufferRef All => new(this, 0, Length);

    public void Dispose() => Handle.Dispose();
}
