using System.Runtime.InteropServices;

namespace MetalMoe.Cpu.Memory;

/// <summary>
/// Zeroed native memory, aligned to a cache line. Large buffers take pages from the system only
/// when they are touched, so a cache for a long context costs what has been written.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const nuint Alignment = 64;
    private void* _allocation;

    public NativeBuffer(long byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteCount);
        ByteCount = byteCount;
        _allocation = NativeMemory.AllocZeroed((nuint)byteCount + Alignment);
        nuint address = ((nuint)_allocation + Alignment - 1) & ~(Alignment - 1);
        Pointer = (byte*)address;
    }

    ~NativeBuffer() => Free();

    /// <summary>First byte; valid until disposal.</summary>
    public byte* Pointer { get; private set; }

    /// <summary>First value as f32.</summary>
    public float* Floats => (float*)Pointer;

    /// <summary>First value as i32.</summary>
    public int* Ints => (int*)Pointer;

    public long ByteCount { get; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_allocation);
        _allocation = null;
        Pointer = null;
    }
}
