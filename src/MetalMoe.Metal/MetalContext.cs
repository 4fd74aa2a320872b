using System.Globalization;
using System.Text;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal;

/// <summary>What the device allows.</summary>
/// <param name="PageBytes">Alignment and granularity of wrapped memory.</param>
/// <param name="MaxBufferBytes">Longest buffer.</param>
/// <param name="MaxThreads">Most threads of a threadgroup.</param>
/// <param name="MaxThreadgroupBytes">Most threadgroup memory.</param>
internal sealed record DeviceLimits(
    long PageBytes, long MaxBufferBytes, int MaxThreads, int MaxThreadgroupBytes);

/// <summary>A Metal device with one queue, whose work is waited for.</summary>
internal sealed unsafe class MetalContext : IDisposable
{
    private readonly QueueHandle _queue;
    private readonly EventHandle _event;
    private ulong _submitted;

    private MetalContext(DeviceHandle device)
    {
        Device = device;
        Status.Check(
            NativeMethods.mm_device_info_get(device, out MmDeviceInfo info), "device limits");
        ReadOnlySpan<byte> name = info.Name;
        Name = Encoding.UTF8.GetString(name[..Math.Max(0, name.IndexOf((byte)0))]);
        IsSoftware = (info.Flags & MmDeviceInfo.Software) != 0;
        Limits = new DeviceLimits(
            checked((long)info.PageBytes), checked((long)info.MaxBufferBytes),
            (int)info.MaxThreadsPerThreadgroup, (int)info.MaxThreadgroupBytes);
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        Status.Check(
            NativeMethods.mm_queue_create(device, out _queue, &error), "queue", &error);
        Status.Check(
            NativeMethods.mm_event_create(device, out _event, &error), "event", &error);
    }

    public DeviceHandle Device { get; }

    public string Name { get; }

    /// <summary>True for the software Metal: it checks and counts.</summary>
    public bool IsSoftware { get; }

    public DeviceLimits Limits { get; }

    public string Description => IsSoftware
        ? string.Create(CultureInfo.InvariantCulture,
            $"{Name}: the Metal kernels on {Environment.ProcessorCount} processors, to check them")
        : string.Create(CultureInfo.InvariantCulture,
            $"{Name}, buffers up to {Limits.MaxBufferBytes / (1024.0 * 1024 * 1024):f1} GiB");

    /// <summary>Opens the system's default device.</summary>
    /// <exception cref="MetalException">There is none.</exception>
    public static MetalContext Create()
    {
        NativeLibraryLoader.Load();
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        Status.Check(
            NativeMethods.mm_device_create(0, out DeviceHandle device, &error), "device", &error);
        return new MetalContext(device);
    }

    /// <summary>Null when a device can be opened, else why not, in one line.</summary>
    public static string? Unavailable()
    {
        try
        {
            using MetalContext context = Create();
            return null;
        }
        catch (MetalException e)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }

    /// <summary>A shared buffer of zeros.</summary>
    public DeviceBuffer CreateBuffer(long bytes)
    {
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        const uint Shared = 0;
        Status.Check(
            NativeMethods.mm_buffer_create(
                Device, (ulong)bytes, Shared, out BufferHandle buffer, &error),
            $"buffer of {bytes} bytes", &error);
        return new DeviceBuffer(buffer);
    }

    /// <summary>Mapped pages as a buffer, without copying them.</summary>
    public DeviceBuffer WrapMemory(nint address, long bytes)
    {
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        Status.Check(
            NativeMethods.mm_buffer_wrap(
                Device, (void*)address, (ulong)bytes, out BufferHandle buffer, &error),
            $"window of {bytes} bytes", &error);
        return new DeviceBuffer(buffer);
    }

    /// <summary>Switches the checks of the software Metal; pipelines made before keep theirs.
    /// </summary>
    public void SetChecks(in MmChecks checks) =>
        Status.Check(NativeMethods.mm_device_set_checks(Device, checks), "checks");

    /// <summary>Runs a list for a step and waits for its end.</summary>
    /// <param name="list">A sealed list.</param>
    /// <param name="step">The step.</param>
    /// <param name="report">Receives what each dispatch cost, or null.</param>
    /// <exception cref="MetalException">The work failed.</exception>
    public void Run(DispatchList list, StepShape step, DispatchReport? report = null)
    {
        MmSubmission submission = list.Prepare(step);
        submission.SignalEvent = _event.Pointer;
        submission.SignalValue = ++_submitted;
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        fixed (MmDispatchResult* results = report?.Results)
        fixed (MmTraffic* traffic = report?.Traffic)
        {
            submission.Results = results;
            submission.Traffic = traffic;
            Status.Check(
                NativeMethods.mm_submit(_queue, submission, &error), "submit", &error);
            Status.Check(
                NativeMethods.mm_event_wait(_event, _submitted, ulong.MaxValue, &error),
                "run", &error);
        }
        GC.KeepAlive(list);
    }

    public void Dispose()
    {
        _event.Dispose();
        _queue.Dispose();
        Device.Dispose();
    }
}
