namespace MetalMoe.Cpu.Memory;

/// <summary>
/// Scratch memory of each worker, shared by all kernels (one runs at a time). Kernels reserve
/// their need while the plan is lowered; the memory is allocated once, before the first step.
/// </summary>
internal sealed unsafe class WorkerScratch(int workers) : IDisposable
{
    private NativeBuffer? _buffer;
    private long _bytesPerWorker = 64;

    public long ByteCount => _buffer?.ByteCount ?? 0;

    /// <summary>Makes sure that every worker gets at least this many floats.</summary>
    public void Reserve(long floats)
    {
        long bytes = ((floats * sizeof(float)) + 63) / 64 * 64;
        _bytesPerWorker = Math.Max(_bytesPerWorker, bytes);
    }

    public void Allocate() => _buffer = new NativeBuffer(_bytesPerWorker * workers);

    public float* Floats(int worker) =>
        (float*)(_buffer!.Pointer + (worker * _bytesPerWorker));

    public void Dispose() => _buffer?.Dispose();
}
