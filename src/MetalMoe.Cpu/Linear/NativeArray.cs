using System.Runtime.InteropServices;

namespace MetalMoe.Cpu.Linear;

/// <summary>Zeroed native memory at a cache-line boundary, freed by its owner.</summary>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private T* _pointer;

    public NativeArray(long count)
    {
        nuint bytes = checked((nuint)(Math.Max(count, 1) * sizeof(T)));
        _pointer = (T*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(_pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
        Bytes = (long)bytes;
    }

    ~NativeArray() => Free();

    public T* Pointer => _pointer;

    public long Bytes { get; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer != null)
        {
            NativeMemory.AlignedFree(_pointer);
            _pointer = null;
            GC.RemoveMemoryPressure(Bytes);
        }
    }
}
