using System.Runtime.InteropServices;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Zeroed native memory at a cache-line boundary, freed by its owner. As with
/// <see cref="Memory.NativeBuffer"/>, pages are taken when they are touched: a program that runs a
/// short prompt does not wait for scratch of the longest one.
/// </summary>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const nuint Alignment = 64;
    private void* _allocation;

    public NativeArray(long count)
    {
        nuint bytes = checked((nuint)(Math.Max(count, 1) * sizeof(T)));
        _allocation = NativeMemory.AllocZeroed(bytes + Alignment);
        Pointer = (T*)(((nuint)_allocation + Alignment - 1) & ~(Alignment - 1));
        GC.AddMemoryPressure((long)bytes);
        Bytes = (long)bytes;
    }

    ~NativeArray() => Free();

    public T* Pointer { get; private set; }

    public long Bytes { get; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_allocation != null)
        {
            NativeMemory.Free(_allocation);
            _allocation = null;
            Pointer = null;
            GC.RemoveMemoryPressure(Bytes);
        }
    }
}
