using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal;

/// <summary>
/// Apple's Metal on a Mac (<c>metal</c>), or the software Metal that runs the same shim and the
/// same shaders on Linux (<c>softmetal</c>).
/// </summary>
public sealed class MetalDevice : IDevice
{
    private readonly MetalContext _context;
    private readonly KernelLibrary _kernels;

    /// <summary>Opens the system's Metal device.</summary>
    /// <exception cref="MetalMoeException">There is none; the text says what is missing.
    /// </exception>
    public MetalDevice()
    {
        _context = MetalContext.Create();
        _kernels = new KernelLibrary(_context);
    }

    /// <summary>Name of the Metal device of this operating system.</summary>
    public static string PlatformName => OperatingSystem.IsMacOS() ? "metal" : "softmetal";

    /// <inheritdoc/>
    public string Name => PlatformName;

    /// <inheritdoc/>
    public string Description => _context.Description;

    /// <summary>Whether the device can be opened here: null when it can, else one line on why
    /// not and what to install.</summary>
    public static string? Unavailable() => MetalContext.Unavailable();

    /// <inheritdoc/>
    public IExecutor CreateExecutor(ModelPlan plan, ExecutorOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return new MetalExecutor(plan, options, _context, _kernels);
    }

    /// <summary>Releases the device; its executors must not run after it.</summary>
    public void Dispose()
    {
        _kernels.Dispose();
        _context.Dispose();
    }
}
