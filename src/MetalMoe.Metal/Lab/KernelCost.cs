namespace MetalMoe.Metal.Lab;

/// <summary>What one dispatch cost.</summary>
/// <param name="Operation">The plan's operation: <c>blk.0.ffn_down_exps</c>.</param>
/// <param name="Kernel">The kernel.</param>
/// <param name="Family">Stem of its file.</param>
/// <param name="Threadgroups">Of the grid: x, y, z.</param>
/// <param name="Threads">Of a threadgroup.</param>
/// <param name="HasBarrier">Whether it waits for the dispatches before it.</param>
/// <param name="Seconds">On the device's clock.</param>
/// <param name="Counters">What only the software Metal counts; null elsewhere.</param>
/// <param name="Buffers">Bytes by binding; empty without the memory check.</param>
internal sealed record KernelCost(
    string Operation, string Kernel, string Family, (int X, int Y, int Z) Threadgroups,
    int Threads, bool HasBarrier, double Seconds, KernelCounters? Counters,
    IReadOnlyList<BufferCost> Buffers)
{
    /// <summary>Bytes read by all accesses.</summary>
    public long BytesRead => Buffers.Sum(b => b.BytesRead);

    /// <summary>Bytes written by all accesses.</summary>
    public long BytesWritten => Buffers.Sum(b => b.BytesWritten);
}

/// <summary>Counts of the software Metal.</summary>
/// <param name="Threads">Threads that ran.</param>
/// <param name="Barriers">Threadgroup barriers that were passed.</param>
/// <param name="SimdOperations">SIMD-group operations.</param>
/// <param name="ThreadgroupBytes">The most threadgroup memory that one threadgroup used.</param>
internal sealed record KernelCounters(
    long Threads, long Barriers, long SimdOperations, long ThreadgroupBytes);

/// <summary>Bytes that a dispatch moved through one binding.</summary>
/// <param name="Name">The kernel's parameter.</param>
/// <param name="BytesRead">By all accesses.</param>
/// <param name="BytesWritten">By all accesses.</param>
/// <param name="UniqueBytesRead">Every byte once.</param>
/// <param name="UniqueBytesWritten">Every byte once.</param>
internal sealed record BufferCost(
    string Name, long BytesRead, long BytesWritten, long UniqueBytesRead,
    long UniqueBytesWritten);
