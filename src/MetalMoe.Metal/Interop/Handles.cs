using Microsoft.Win32.SafeHandles;

namespace MetalMoe.Metal.Interop;

/// <summary>Owns one reference of a native object.</summary>
internal abstract class NativeHandle() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    /// <summary>The native pointer, for records; the handle must be kept alive beside them.
    /// </summary>
    public nint Pointer => DangerousGetHandle();
}

/// <summary>Owns an <c>mm_device</c>.</summary>
internal sealed class DeviceHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_device_release(handle);
        return true;
    }
}

/// <summary>Owns an <c>mm_buffer</c>.</summary>
internal sealed class BufferHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_buffer_release(handle);
        return true;
    }
}

/// <summary>Owns an <c>mm_library</c>.</summary>
internal sealed class LibraryHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_library_release(handle);
        return true;
    }
}

/// <summary>Owns an <c>mm_pipeline</c>.</summary>
internal sealed class PipelineHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_pipeline_release(handle);
        return true;
    }
}

/// <summary>Owns an <c>mm_queue</c>.</summary>
internal sealed class QueueHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_queue_release(handle);
        return true;
    }
}

/// <summary>Owns an <c>mm_event</c>.</summary>
internal sealed class EventHandle : NativeHandle
{
    protected override bool ReleaseHandle()
    {
        NativeMethods.mm_event_release(handle);
        return true;
    }
}
