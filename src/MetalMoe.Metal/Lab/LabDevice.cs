using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels;

namespace MetalMoe.Metal.Lab;

/// <summary>How a <see cref="LabDevice"/> runs kernels.</summary>
internal sealed record LabOptions
{
    /// <summary>Bounds, race, barrier and poison checks and the counting of bytes; the software
    /// Metal only, some thirty times slower.</summary>
    public bool Checks { get; init; }

    /// <summary>Not 0: another order of lanes, threadgroups and dispatches, to find what depends
    /// on it; the software Metal only.</summary>
    public ulong Shuffle { get; init; }

    /// <summary>Source text that replaces a family's.</summary>
    public IReadOnlyDictionary<string, string> Sources { get; init; } =
        new Dictionary<string, string>();
}

/// <summary>
/// A Metal device for experiments with kernels: their sources can be replaced, and every
/// dispatch of a step tells what it cost.
/// </summary>
internal sealed class LabDevice : IDisposable
{
    private readonly MetalContext _context;
    private readonly KernelLibrary _kernels;

    /// <summary>Opens the system's Metal device.</summary>
    /// <exception cref="MetalMoeException">There is none, or a family to replace is unknown.
    /// </exception>
    public LabDevice(LabOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (string family in options.Sources.Keys)
        {
            if (!KernelCatalog.All.Any(k => k.Family == family))
            {
                throw new MetalMoeException(
                    $"[kernels] {family}: expected one of "
                    + string.Join(", ", KernelCatalog.All.Select(k => k.Family).Distinct()));
            }
        }
        _context = MetalContext.Create();
        IsSoftware = _context.IsSoftware;
        HasChecks = options.Checks && IsSoftware;
        if (IsSoftware)
        {
            uint on = options.Checks ? 1u : 0u;
            _context.SetChecks(new MmChecks
            {
                Memory = on,
                Hazards = on,
                Shuffle = options.Shuffle,
            });
        }
        _kernels = new KernelLibrary(_context);
        foreach (var (family, source) in options.Sources)
        {
            _kernels.Replace(family, source);
        }
    }

    /// <summary>True on the software Metal.</summary>
    public bool IsSoftware { get; }

    /// <summary>Whether memory accesses are checked and counted.</summary>
    public bool HasChecks { get; }

    /// <summary>What the device is.</summary>
    public string Description => _context.Description;

    /// <summary>Lowers a plan.</summary>
    /// <exception cref="MetalMoeException">A kernel does not compile, or the plan cannot run.
    /// </exception>
    public LabExecutor CreateExecutor(ModelPlan plan, ExecutorOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return new LabExecutor(
            new MetalExecutor(plan, options, _context, _kernels), IsSoftware, HasChecks);
    }

    /// <summary>Releases the device.</summary>
    public void Dispose()
    {
        _kernels.Dispose();
        _context.Dispose();
    }
}

/// <summary>A plan on a <see cref="LabDevice"/>.</summary>
internal sealed class LabExecutor : IDisposable
{
    private readonly MetalExecutor _executor;
    private readonly bool _counts;
    private readonly bool _traffic;

    internal LabExecutor(MetalExecutor executor, bool counts, bool traffic)
    {
        _executor = executor;
        _counts = counts;
        _traffic = traffic;
    }

    /// <summary>The executor itself: state, logits, steps that are not measured.</summary>
    public IExecutor Executor => _executor;

    /// <summary>Runs a step, every dispatch timed by itself.</summary>
    /// <exception cref="MetalMoeException">A check stopped a kernel; the text says where.
    /// </exception>
    public IReadOnlyList<KernelCost> Execute(StepBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        DispatchList list = _executor.ListFor(batch.Tokens.Length);
        var report = new DispatchReport(list, _traffic);
        StepShape shape = _executor.Execute(batch, report);
        var costs = new List<KernelCost>();
        for (int i = 0; i < list.Entries.Count; i++)
        {
            DispatchEntry entry = list.Entries[i];
            Grid grid = entry.Grid(shape);
            if (grid.X > 0 && grid.Y > 0 && grid.Z > 0)
            {
                costs.Add(Cost(list, report, i, grid));
            }
        }
        return costs;
    }

    /// <summary>Releases the executor's memory.</summary>
    public void Dispose() => _executor.Dispose();

    private KernelCost Cost(DispatchList list, DispatchReport report, int i, Grid grid)
    {
        DispatchEntry entry = list.Entries[i];
        MmDispatchResult result = report.Results[i];
        var counters = _counts
            ? new KernelCounters(
                (long)result.Threads, (long)result.Barriers, (long)result.SimdOperations,
                (long)result.ThreadgroupBytes)
            : null;
        return new KernelCost(
            entry.Operation, entry.Pipeline.Name, entry.Kernel.Family, (grid.X, grid.Y, grid.Z),
            entry.Threads, list.HasBarrier(i), result.EndSeconds - result.StartSeconds, counters,
            _traffic ? Buffers(list, report, i) : []);
    }

    private static List<BufferCost> Buffers(DispatchList list, DispatchReport report, int i)
    {
        var costs = new List<BufferCost>();
        var bindings = list.Entries[i].Kernel.Bindings;
        // The first row is that of the step's numbers.
        int row = 1;
        foreach (var (_, index) in list.Buffers(i))
        {
            MmTraffic traffic = report.TrafficOf(i)[row++];
            costs.Add(new BufferCost(
                bindings[index - KernelSpec.FirstBinding].Name, (long)traffic.BytesRead,
                (long)traffic.BytesWritten, (long)traffic.UniqueBytesRead,
                (long)traffic.UniqueBytesWritten));
        }
        return costs;
    }
}
