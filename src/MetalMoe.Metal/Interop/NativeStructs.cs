using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Interop;

/// <summary><c>mm_status</c>.</summary>
internal enum MmStatus
{
    Ok = 0,
    InvalidArgument = 1,
    Unsupported = 2,
    NoDevice = 3,
    OutOfMemory = 4,
    NotFound = 5,
    CompileFailed = 6,
    PipelineFailed = 7,
    ExecutionFailed = 8,
    Timeout = 9,
    TooSmall = 10,
}

/// <summary><c>mm_error</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MmError
{
    public byte* Text;
    public ulong CapacityBytes;
    public ulong NeededBytes;
}

/// <summary><c>mm_layout</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MmLayout
{
    public byte* Structure;
    public byte* Field;
    public uint OffsetBytes;
    public uint SizeBytes;
}

/// <summary><c>mm_object_counts</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmObjectCounts
{
    public long Devices;
    public long Buffers;
    public long Libraries;
    public long Pipelines;
    public long Queues;
    public long Events;
    public long Submissions;
    public long Allocations;
    public long AllocatedBytes;
    public long MetalObjects;
}

/// <summary><c>mm_device_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmDeviceInfo
{
    public const uint UnifiedMemory = 1;
    public const uint ResidencySets = 2;
    public const uint Software = 4;
    public const uint Metallib = 8;

    public MmName Name;
    public ulong RegistryId;
    public ulong MaxBufferBytes;
    public ulong MaxWorkingSetBytes;
    public ulong PageBytes;
    public uint MaxThreadgroupBytes;
    public uint MaxThreadsPerThreadgroup;
    public uint MaxArgumentBytes;
    public uint MaxBindingIndex;
    public uint AppleFamily;
    public uint Flags;
}

/// <summary>The text of <see cref="MmDeviceInfo.Name"/>, ended by a zero.</summary>
[InlineArray(Length)]
internal struct MmName
{
    public const int Length = 128;
    private byte _first;
}

/// <summary><c>mm_checks</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmChecks
{
    public uint Memory;
    public uint Hazards;
    public ulong Shuffle;
}

/// <summary><c>mm_constant</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmConstant
{
    public const uint Bool = 1;
    public const uint Int = 2;
    public const uint UInt = 3;
    public const uint Float = 4;

    public uint Index;
    public uint Type;
    public uint Bits;
}

/// <summary><c>mm_pipeline_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmPipelineInfo
{
    public uint MaxThreadsPerThreadgroup;
    public uint SimdWidth;
    public uint StaticThreadgroupBytes;
}

/// <summary><c>mm_binding</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmBinding
{
    public nint Buffer;
    public ulong OffsetBytes;
    public ulong SizeBytes;
    public uint Index;
    public uint Reserved;
}

/// <summary>Three lengths.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmSize
{
    public uint X;
    public uint Y;
    public uint Z;
}

/// <summary><c>mm_dispatch</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmDispatch
{
    public const uint BarrierBefore = 1;

    public nint Pipeline;
    public uint FirstBinding;
    public uint BindingCount;
    public uint ArgumentOffset;
    public uint ArgumentBytes;
    public MmSize Threadgroups;
    public MmSize Threads;
    public uint ThreadgroupBytes;
    public uint Flags;
}

/// <summary><c>mm_dispatch_result</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmDispatchResult
{
    public double StartSeconds;
    public double EndSeconds;
    public ulong Threads;
    public ulong Barriers;
    public ulong SimdOperations;
    public ulong ThreadgroupBytes;
}

/// <summary><c>mm_traffic</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MmTraffic
{
    public ulong BytesRead;
    public ulong BytesWritten;
    public ulong UniqueBytesRead;
    public ulong UniqueBytesWritten;
}

/// <summary><c>mm_submission</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MmSubmission
{
    public MmDispatch* Dispatches;
    public MmBinding* Bindings;
    public void* Arguments;
    public uint DispatchCount;
    public uint BindingCount;
    public uint ArgumentBytes;
    public uint Reserved;
    public nint WaitEvent;
    public ulong WaitValue;
    public nint SignalEvent;
    public ulong SignalValue;
    public MmDispatchResult* Results;
    public MmTraffic* Traffic;
}
