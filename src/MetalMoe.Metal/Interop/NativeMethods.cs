using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Interop;

/// <summary>
/// The functions of <c>native/include/metalmoe.h</c>, whose comments say what they do. A test
/// compares every declaration here with what clang reads in the header.
/// </summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>Value of <c>MM_ABI_VERSION</c> that these declarations are written after.
    /// </summary>
    public const uint AbiVersion = 1;

    /// <summary>Name that <see cref="NativeLibraryLoader"/> resolves.</summary>
    public const string Library = "metalmoe";

    [LibraryImport(Library)]
    public static partial MmStatus mm_abi_version(out uint version);

    [LibraryImport(Library)]
    public static partial MmStatus mm_layout_table(out MmLayout* rows, out uint count);

    [LibraryImport(Library)]
    public static partial MmStatus mm_object_counts_get(out MmObjectCounts counts);

    [LibraryImport(Library)]
    public static partial MmStatus mm_device_count(out uint count);

    [LibraryImport(Library)]
    public static partial MmStatus mm_device_create(
        uint index, out DeviceHandle device, MmError* error);

    [LibraryImport(Library)]
    public static partial void mm_device_release(nint device);

    [LibraryImport(Library)]
    public static partial MmStatus mm_device_info_get(
        DeviceHandle device, out MmDeviceInfo info);

    [LibraryImport(Library)]
    public static partial MmStatus mm_device_set_checks(DeviceHandle device, in MmChecks checks);

    [LibraryImport(Library)]
    public static partial MmStatus mm_device_inject(
        DeviceHandle device, uint fault, uint after, uint count);

    [LibraryImport(Library)]
    public static partial MmStatus mm_buffer_create(
        DeviceHandle device, ulong size_bytes, uint storage, out BufferHandle buffer,
        MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_buffer_wrap(
        DeviceHandle device, void* memory, ulong size_bytes, out BufferHandle buffer,
        MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_buffer_contents(
        BufferHandle buffer, out void* contents, out ulong size_bytes);

    [LibraryImport(Library)]
    public static partial MmStatus mm_buffer_set_written(
        BufferHandle buffer, ulong offset_bytes, ulong size_bytes, uint written);

    [LibraryImport(Library)]
    public static partial void mm_buffer_release(nint buffer);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MmStatus mm_embedded_text(
        string name, byte* text, ulong capacity_bytes, out ulong needed_bytes);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MmStatus mm_library_create_embedded(
        DeviceHandle device, string name, out LibraryHandle library, MmError* error);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MmStatus mm_library_create_source(
        DeviceHandle device, string name, byte* source, ulong source_bytes,
        out LibraryHandle library, MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_library_functions(
        LibraryHandle library, byte* names, ulong capacity_bytes, out ulong needed_bytes);

    [LibraryImport(Library)]
    public static partial void mm_library_release(nint library);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MmStatus mm_pipeline_create(
        LibraryHandle library, string function, MmConstant* constants, uint constant_count,
        out PipelineHandle pipeline, MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_pipeline_info_get(
        PipelineHandle pipeline, out MmPipelineInfo info);

    [LibraryImport(Library)]
    public static partial void mm_pipeline_release(nint pipeline);

    [LibraryImport(Library)]
    public static partial MmStatus mm_queue_create(
        DeviceHandle device, out QueueHandle queue, MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_queue_set_residency(
        QueueHandle queue, nint* buffers, uint buffer_count, MmError* error);

    [LibraryImport(Library)]
    public static partial void mm_queue_release(nint queue);

    [LibraryImport(Library)]
    public static partial MmStatus mm_event_create(
        DeviceHandle device, out EventHandle @event, MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_event_value(EventHandle @event, out ulong value);

    [LibraryImport(Library)]
    public static partial MmStatus mm_event_wait(
        EventHandle @event, ulong value, ulong timeout_milliseconds, MmError* error);

    [LibraryImport(Library)]
    public static partial void mm_event_release(nint @event);

    [LibraryImport(Library)]
    public static partial MmStatus mm_submit(
        QueueHandle queue, in MmSubmission submission, MmError* error);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MmStatus mm_capture_start(
        DeviceHandle device, string path, MmError* error);

    [LibraryImport(Library)]
    public static partial MmStatus mm_capture_stop(DeviceHandle device);
}
