using System.Runtime.InteropServices;
using MetalMoe.Core.Quants;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

/// <summary>
/// Runs one kernel on arrays, through everything the product uses: bindings, shim and software
/// Metal, with bounds, race and poison checks on.
/// </summary>
/// <example><code>
/// using var runner = new KernelRunner();
/// var x = runner.Input(values);
/// var y = runner.Output&lt;float&gt;(count);           // NaN, and stopped when read unwritten
/// runner.SetStep(tokens: 3);
/// runner.Run(RmsNormKernels.Norm, args, [x, gamma, y], new Grid(3), threads: 256);
/// float[] result = KernelRunner.Read&lt;float&gt;(y);
/// </code></example>
internal sealed class KernelRunner : IDisposable
{
    private readonly MetalContext _context;
    private readonly KernelLibrary _kernels;
    private readonly List<IDisposable> _owned = [];
    private StepShape _step = new(1, 1, 1, 1);

    /// <summary>Opens the device; ignores the test where there is none.</summary>
    /// <param name="shuffle">Not 0: another order of lanes, threadgroups and dispatches.</param>
    public KernelRunner(ulong shuffle = 0)
    {
        if (MetalContext.Unavailable() is { } reason)
        {
            Assert.Ignore(reason);
        }
        _context = MetalContext.Create();
        if (_context.IsSoftware)
        {
            _context.SetChecks(new MmChecks { Memory = 1, Hazards = 1, Shuffle = shuffle });
        }
        _kernels = new KernelLibrary(_context);
        Step = Allocate(Marshal.SizeOf<StepParams>());
        Tokens = Input<TokenInfo>(new TokenInfo());
        Segments = Input<SegmentInfo>(new SegmentInfo { TokenCount = 1 });
        SetStep(1);
    }

    /// <summary><c>TokenInfo</c> [T]; see <see cref="SetStep"/>.</summary>
    public BufferRef Tokens { get; private set; }

    /// <summary><c>SegmentInfo</c> [segments]; see <see cref="SetStep"/>.</summary>
    public BufferRef Segments { get; private set; }

    /// <summary>What the last run cost.</summary>
    public DispatchReport? Report { get; private set; }

    private BufferRef Step { get; }

    /// <summary>A buffer that holds these values.</summary>
    public BufferRef Input<T>(params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        BufferRef buffer = Allocate(MemoryMarshal.AsBytes(values).Length);
        values.CopyTo(buffer.AsSpan<T>());
        return buffer;
    }

    /// <summary>A buffer of 0xff bytes (NaN as f32 and f16) that a kernel must write before it
    /// reads it.</summary>
    public unsafe BufferRef Output<T>(int count)
        where T : unmanaged
    {
        BufferRef buffer = Allocate((long)count * sizeof(T));
        Poison(buffer);
        return buffer;
    }

    /// <summary>Makes a part of a buffer as if nothing had been written there.</summary>
    public void Poison(BufferRef part)
    {
        part.AsSpan<byte>().Fill(0xff);
        SetWritten(part, 0);
    }

    /// <summary>Says that the host has written a part that was poisoned.</summary>
    public void MarkWritten(BufferRef part) => SetWritten(part, 1);

    /// <summary>The values of a buffer.</summary>
    public static T[] Read<T>(BufferRef buffer)
        where T : unmanaged => buffer.AsSpan<T>().ToArray();

    /// <summary>Sets the step: one sequence in slot 0 from position 0.</summary>
    public void SetStep(int tokens, int rows = 1) =>
        SetStep([new SegmentInfo { TokenCount = (uint)tokens }], new int[tokens], rows);

    /// <summary>Sets the step: tokens [From, From + Count) of several slots.</summary>
    public StepShape SetStep(ReadOnlySpan<(int Slot, int From, int Count)> segments)
    {
        var infos = new SegmentInfo[segments.Length];
        int tokens = 0;
        int positions = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            var (slot, from, count) = segments[i];
            infos[i] = new SegmentInfo
            {
                Slot = (uint)slot,
                FirstToken = (uint)tokens,
                TokenCount = (uint)count,
                Position = (uint)from,
            };
            tokens += count;
            positions = Math.Max(positions, from + count);
        }
        SetStep(infos, new int[tokens]);
        return new StepShape(tokens, 1, segments.Length, positions);
    }

    /// <summary>Sets the step: several sequences and their token ids [T].</summary>
    public void SetStep(
        ReadOnlySpan<SegmentInfo> segments, ReadOnlySpan<int> tokenIds, int rows = 1)
    {
        var tokens = new TokenInfo[tokenIds.Length];
        int positions = 0;
        for (int s = 0; s < segments.Length; s++)
        {
            SegmentInfo segment = segments[s];
            for (uint i = 0; i < segment.TokenCount; i++)
            {
                tokens[segment.FirstToken + i] = new TokenInfo
                {
                    TokenId = (uint)tokenIds[(int)(segment.FirstToken + i)],
                    Slot = segment.Slot,
                    Position = segment.Position + i,
                    Segment = (uint)s,
                };
            }
            positions = Math.Max(positions, (int)(segment.Position + segment.TokenCount));
        }
        Tokens = Input<TokenInfo>(tokens);
        Segments = Input(segments);
        _step = new StepShape(tokenIds.Length, rows, segments.Length, positions);
        Step.AsSpan<StepParams>()[0] = new StepParams
        {
            TokenCount = (uint)_step.Tokens,
            RowCount = (uint)_step.Rows,
            SegmentCount = (uint)_step.Segments,
            PositionCount = (uint)_step.Positions,
        };
    }

    /// <summary>Replaces the shader of a family.</summary>
    public void Replace(string family, string source) => _kernels.Replace(family, source);

    /// <summary>Runs a kernel once and waits.</summary>
    /// <exception cref="MetalException">It does not compile, or a check stopped it.</exception>
    public void Run<TArgs>(
        KernelSpec kernel, in TArgs args, ReadOnlySpan<BufferRef> buffers, Grid grid,
        int threads, int threadgroupBytes = 0, QuantFormat? format = null,
        params ReadOnlySpan<FunctionConstant> constants)
        where TArgs : unmanaged
    {
        string name = format is { } f ? kernel.NameFor(f) : kernel.Name;
        Pipeline pipeline = _kernels.Pipeline(kernel.Family, name, constants);
        var list = new DispatchList();
        list.Add(
            new DispatchEntry("test", kernel, pipeline, _ => grid, threads, threadgroupBytes),
            MemoryMarshal.AsBytes(new ReadOnlySpan<TArgs>(in args)), buffers);
        list.Seal(Step);
        Report = new DispatchReport(list);
        _context.Run(list, _step, Report);
    }

    public void Dispose()
    {
        _owned.ForEach(o => o.Dispose());
        _kernels.Dispose();
        _context.Dispose();
    }

    private unsafe void SetWritten(BufferRef part, uint written)
    {
        if (_context.IsSoftware)
        {
            Status.Check(
                NativeMethods.mm_buffer_set_written(
                    part.Buffer.Handle, (ulong)part.Offset, (ulong)part.Length, written),
                "poison");
        }
    }

    private BufferRef Allocate(long bytes)
    {
        // A buffer cannot be empty; a part of it can.
        DeviceBuffer buffer = _context.CreateBuffer(Math.Max(4, bytes));
        _owned.Add(buffer);
        return new BufferRef(buffer, 0, bytes);
    }
}
