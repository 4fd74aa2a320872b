using System.Runtime.InteropServices;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

/// <summary>
/// Runs plan operations as a model's plan runs them: lowered to dispatches, through the shim and
/// the software Metal with its bounds, race, hazard and poison checks on. Buffers are exactly as
/// long as the step needs; what no test has filled is poison that a kernel must not read.
/// </summary>
internal sealed unsafe class OpRunner : IDisposable
{
    private const int PageBytes = 16384;

    private readonly MetalContext _context;
    private readonly KernelLibrary _kernels;
    private readonly PlanBuilder _builder = new();
    private readonly Dictionary<BufferId, float[]> _inputs = [];
    private readonly List<nint> _pages = [];
    private PlanMemory? _memory;
    private int _buffers;

    /// <summary>Opens the device; ignores the test where there is none.</summary>
    /// <param name="shuffle">Not 0: another order of lanes, threadgroups and dispatches.</param>
    public OpRunner(ulong shuffle = 0)
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
    }

    /// <summary>The dispatches of the last run.</summary>
    public DispatchList? List { get; private set; }

    /// <summary>What they cost.</summary>
    public DispatchReport? Report { get; private set; }

    /// <summary>A matrix of random blocks, at the end of its pages.</summary>
    public TestMatrix Matrix(QuantFormat format, int rows, int columns, int seed) =>
        Matrix(format, TestMatrix.RandomBlocks(format, rows, columns, seed), rows, columns);

    /// <summary>An F32 matrix of these values.</summary>
    public TestMatrix Matrix(float[] values, int rows, int columns) => Matrix(
        QuantFormat.F32, MemoryMarshal.AsBytes<float>(values).ToArray(), rows, columns);

    /// <summary>An F32 vector of these values.</summary>
    public Weight Vector(float[] values)
    {
        Weight row = Matrix(values, 1, values.Length).Weight;
        return new Weight("vector", QuantFormat.F32, [values.Length], row.Address);
    }

    /// <summary>A buffer that holds these values when a run begins.</summary>
    public BufferId Input(float[] values, int columns)
    {
        BufferId id = Output(columns);
        _inputs.Add(id, values);
        return id;
    }

    /// <summary>A buffer that holds poison when a run begins.</summary>
    public BufferId Output(int columns, BufferElement element = BufferElement.F32) =>
        _builder.Buffer($"buffer_{_buffers++}", columns, element);

    /// <summary>Adds an operation.</summary>
    public void Add(PlanOp op) => _builder.Add(op);

    /// <summary>Replaces the shader of a family.</summary>
    public void Replace(string family, string source) => _kernels.Replace(family, source);

    /// <summary>Runs the operations once, as one form of step.</summary>
    /// <param name="form">Decode or prefill, whatever the number of tokens.</param>
    /// <param name="batch">The step.</param>
    /// <param name="vocabulary">Values of a row of logits.</param>
    /// <exception cref="MetalException">A check stopped a kernel.</exception>
    public void Run(StepForm form, StepBatch batch, int vocabulary = 1)
    {
        ModelPlan plan = _builder.Build("test", 1, vocabulary, 4096);
        var options = new ExecutorOptions
        {
            ContextLength = 4096,
            MaxBatchTokens = batch.Tokens.Length,
            MaxLogitsRows = Math.Max(1, batch.OutputRows.Length),
            Slots = Math.Max(1, batch.Segments.Length),
        };
        _memory?.Dispose();
        _memory = new PlanMemory(_context, plan, options);
        StepShape shape = _memory.Step.Fill(batch);
        List = new Lowering(
            plan, options, form, _kernels, _memory, singleToken: shape.Tokens == 1).Lower();
        Poison(List);
        foreach (var (id, values) in _inputs)
        {
            values.CopyTo(_memory.Rows(id).AsSpan<float>());
            Mark(_memory.Rows(id), written: true);
        }
        Report = new DispatchReport(List);
        _context.Run(List, shape, Report);
    }

    /// <summary>The values of a buffer after the run.</summary>
    public double[] Read(BufferId id) => [.. Array.ConvertAll(
        _memory!.Rows(id).AsSpan<float>().ToArray(), x => (double)x)];

    /// <summary>The whole numbers of a buffer after the run.</summary>
    public int[] ReadIds(BufferId id) => _memory!.Rows(id).AsSpan<int>().ToArray();

    /// <summary>The rows of logits after the run.</summary>
    public double[] ReadLogits() => [.. Array.ConvertAll(
        _memory!.Logits.AsSpan<float>().ToArray(), x => (double)x)];

    /// <summary>A step of this many tokens of one sequence; ids count up from 0.</summary>
    public static StepBatch Step(int tokens, LogitsMode logits = LogitsMode.None)
    {
        var batch = new StepBatch();
        batch.Add(0, 0, [.. Enumerable.Range(0, tokens)], logits);
        return batch;
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _kernels.Dispose();
        _context.Dispose();
        _pages.ForEach(p => NativeMemory.AlignedFree((void*)p));
    }

    private TestMatrix Matrix(QuantFormat format, byte[] bytes, int rows, int columns)
    {
        long pages = (bytes.Length + PageBytes - 1) / PageBytes;
        var start = (nint)NativeMemory.AlignedAlloc((nuint)(pages * PageBytes), PageBytes);
        _pages.Add(start);
        // As far back as the alignment of tensors in a file allows.
        nint address = start + (nint)((pages * PageBytes) - bytes.Length) / 32 * 32;
        bytes.CopyTo(new Span<byte>((void*)address, bytes.Length));
        return new TestMatrix(new Weight("matrix", format, [rows, columns], address));
    }

    /// <summary>Everything that the dispatches write holds poison first.</summary>
    private void Poison(DispatchList list)
    {
        for (int i = 0; i < list.Entries.Count; i++)
        {
            foreach (var (part, index) in list.Buffers(i))
            {
                var binding = list.Entries[i].Kernel.Bindings[index - KernelSpec.FirstBinding];
                if (binding.Access != Access.Read)
                {
                    part.AsSpan<byte>().Fill(0xff);
                    Mark(part, written: false);
                }
            }
        }
    }

    private void Mark(BufferRef part, bool written)
    {
        if (_context.IsSoftware)
        {
            Status.Check(
                NativeMethods.mm_buffer_set_written(
                    part.Buffer.Handle, (ulong)part.Offset, (ulong)part.Length, written ? 1u : 0u),
                "poison");
        }
    }
}
