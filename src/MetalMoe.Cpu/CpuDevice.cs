using System.Globalization;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Threads;

namespace MetalMoe.Cpu;

/// <summary>Options of the CPU device.</summary>
public sealed record CpuDeviceOptions
{
    /// <summary>Threads that compute, the caller included; 0 takes all processors.</summary>
    public int Threads { get; init; }
}

/// <summary>
/// The managed SIMD device: needs nothing but .NET. Results have the same bits for any number of
/// threads, any batching and any instruction set.
/// </summary>
public sealed class CpuDevice : IDevice
{
    private const int MaxThreads = 1024;
    private readonly WorkerPool _pool;

    /// <summary>Starts the worker threads; they sleep until a plan runs.</summary>
    /// <exception cref="MetalMoeException">The number of threads is out of range.</exception>
    public CpuDevice(CpuDeviceOptions? options = null)
    {
        int threads = (options ?? new CpuDeviceOptions()).Threads;
        if (threads is < 0 or > MaxThreads)
        {
            throw new MetalMoeException(string.Create(CultureInfo.InvariantCulture,
                $"[cpu] threads: expected 0 (all) to {MaxThreads}, got {threads}"));
        }
        Threads = threads == 0 ? Environment.ProcessorCount : threads;
        _pool = new WorkerPool(Threads);
    }

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <summary>Threads that compute.</summary>
    public int Threads { get; }

    /// <inheritdoc/>
    public string Description => string.Create(
        CultureInfo.InvariantCulture, $"managed SIMD, {InstructionSet}, {Threads} threads");

    /// <summary>The widest instruction set the kernels use on this machine.</summary>
    public static string InstructionSet =>
        Vector512.IsHardwareAccelerated && Avx512BW.IsSupported ? "AVX-512"
        : Avx2.IsSupported ? "AVX2"
        : AdvSimd.IsSupported ? "AdvSimd"
        : Vector128.IsHardwareAccelerated ? "128-bit vectors"
        : "scalar";

    /// <inheritdoc/>
    public IExecutor CreateExecutor(ModelPlan plan, ExecutorOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return new CpuExecutor(plan, options, _pool);
    }

    /// <summary>Ends the worker threads; executors of this device must not run after it.
    /// </summary>
    public void Dispose() => _pool.Dispose();
}
