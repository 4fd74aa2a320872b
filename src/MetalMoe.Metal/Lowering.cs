using System.Diagnostics;
using System.Runtime.InteropServices;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal;

/// <summary>
/// Turns a plan into the list of dispatches of one form of step. The families of kernels see the
/// plan, the memory and the limits through it and add their dispatches to it.
/// </summary>
internal sealed class Lowering
{
    private readonly KernelLibrary _kernels;
    private readonly PlanMemory _memory;
    private readonly DispatchList _list = new();
    private readonly Dictionary<Type, PlanOp> _last = [];
    private string _opName = "";

    public Lowering(
        ModelPlan plan, ExecutorOptions options, StepForm form, KernelLibrary kernels,
        PlanMemory memory, bool singleToken = false)
    {
        SingleToken = singleToken;
        Plan = plan;
        Options = options;
        Form = form;
        _kernels = kernels;
        _memory = memory;
    }

    public ModelPlan Plan { get; }

    public ExecutorOptions Options { get; }

    /// <summary>Decode (few tokens) or prefill.</summary>
    public StepForm Form { get; }

    /// <summary>True when the list is only for steps of one token: the usual decode step, which
    /// need not pay for kernels that are ready for more.</summary>
    public bool SingleToken { get; }

    /// <summary>Most tokens of a step of this form.</summary>
    public int MaxTokens => Form == StepForm.Decode
        ? Math.Min(DispatchForms.MaxDecodeTokens, Options.MaxBatchTokens)
        : Options.MaxBatchTokens;

    /// <summary><c>TokenInfo</c> [T] of the step.</summary>
    public BufferRef Tokens => _memory.Step.Tokens;

    /// <summary><c>SegmentInfo</c> [segments] of the step.</summary>
    public BufferRef Segments => _memory.Step.Segments;

    /// <summary>Token rows that need logits: u32 [R].</summary>
    public BufferRef OutputRows => _memory.Step.OutputRows;

    /// <summary>Logits f32 [R, V].</summary>
    public BufferRef Logits => _memory.Logits;

    /// <summary>Rows [T, Columns] of a plan buffer, without padding.</summary>
    public BufferRef Rows(BufferId id) => _memory.Rows(id);

    /// <summary>Columns of a plan buffer.</summary>
    public int Columns(BufferId id) => Plan.Buffers[id.Index].Columns;

    /// <summary>A weight's bytes in its window over the mapped file.</summary>
    public BufferRef Weight(Weight weight) => _memory.Weights.Find(weight);

    /// <summary>Keys and values of an attention layer.</summary>
    public CacheMemory Cache(int index) => _memory.Caches[index];

    /// <summary>Recurrent state of a gated-delta-rule layer.</summary>
    public StateMemory State(int index) => _memory.States[index];

    /// <summary>Memory of one kernel's own, of unspecified content. The same name and length
    /// give the same memory in every layer and in both forms.</summary>
    public BufferRef Scratch(string name, long bytes) => _memory.Scratch(name, bytes);

    /// <summary>A table that the host computes once (rotary frequencies). The name decides: the
    /// same name must mean the same values.</summary>
    public BufferRef Table<T>(string name, Func<T[]> values)
        where T : unmanaged => _memory.Table(name, values);

    /// <summary>The operation of this kind that was lowered last: what a kernel needs to know
    /// of the one that fed it (<c>Last&lt;Route&gt;()</c> in MoeGateUp).</summary>
    public T Last<T>()
        where T : PlanOp => (T)_last[typeof(T)];

    /// <summary>The norm in front of this router when the kernels of router and gate-up do it
    /// on the way, else null: only they read its output, and the form is one that fuses.</summary>
    public RmsNorm? FusedInto(Route route)
    {
        int index = IndexOf(route);
        bool fuses = Form == StepForm.Decode && index > 0
            && Plan.Ops[index - 1] is RmsNorm norm && norm.Output == route.Input
            && index + 1 < Plan.Ops.Count && Plan.Ops[index + 1] is MoeGateUp
            && !IsReadAfter(route.Input, index + 1);
        return fuses ? (RmsNorm)Plan.Ops[index - 1] : null;
    }

    /// <summary>Adds a dispatch.</summary>
    /// <param name="kernel">The kernel; one without formats.</param>
    /// <param name="args">Its argument struct, bound at index 0.</param>
    /// <param name="buffers">Its buffers in the order of the spec's bindings; <c>default</c> for
    /// one that a function constant leaves out.</param>
    /// <param name="grid">Threadgroups for a step.</param>
    /// <param name="threads">Threads of a threadgroup.</param>
    /// <param name="threadgroupBytes">Threadgroup memory at index 0; a multiple of 16.</param>
    /// <param name="constants">Function constants, each index once.</param>
    public void Dispatch<TArgs>(
        KernelSpec kernel, in TArgs args, ReadOnlySpan<BufferRef> buffers, GridRule grid,
        int threads, int threadgroupBytes = 0, params ReadOnlySpan<FunctionConstant> constants)
        where TArgs : unmanaged =>
        Dispatch(
            kernel, kernel.Name, args, buffers, grid, threads, threadgroupBytes, constants);

    /// <summary>Adds a dispatch of a kernel's instantiation for a weight format.</summary>
    public void Dispatch<TArgs>(
        KernelSpec kernel, QuantFormat format, in TArgs args, ReadOnlySpan<BufferRef> buffers,
        GridRule grid, int threads, int threadgroupBytes = 0,
        params ReadOnlySpan<FunctionConstant> constants)
        where TArgs : unmanaged =>
        Dispatch(
            kernel, kernel.NameFor(format), args, buffers, grid, threads, threadgroupBytes,
            constants);

    /// <summary>Lowers all operations.</summary>
    public DispatchList Lower()
    {
        int index = 0;
        while (index < Plan.Ops.Count)
        {
            index += LowerAt(index);
        }
        _list.Seal(_memory.Step.Params);
        return _list;
    }

    /// <summary>Lowers the operation at an index, together with those that a family does in one
    /// go; returns how many that were.</summary>
    private int LowerAt(int index)
    {
        PlanOp op = Plan.Ops[index];
        PlanOp? next = index + 1 < Plan.Ops.Count ? Plan.Ops[index + 1] : null;
        FusedNorm? norm = null;
        int count = 1;
        if (op is RmsNorm rms && next is Linear or Route or DenseGateUp && Reads(next!, rms.Output))
        {
            norm = new FusedNorm(rms, OutputNeeded: IsReadAfter(rms.Output, index + 1));
            op = next!;
            count = 2;
        }
        else if (op is AttentionPrep or GdnConv)
        {
            count = 2;
        }
        Remember(Plan.Ops[index]);
        Remember(Plan.Ops[index + count - 1]);
        switch (op)
        {
            case EmbedTokens o: EmbedTokensKernels.Lower(o, this); break;
            case RmsNorm o: RmsNormKernels.Lower(o, this); break;
            case Linear o: LinearKernels.Lower(norm, o, this); break;
            case DenseGateUp o: DenseGateUpKernels.Lower(norm, o, this); break;
            case Route o: RouteKernels.Lower(norm, o, this); break;
            case MoeGateUp o: MoeGateUpKernels.Lower(o, this); break;
            case MoeDown o: MoeDownKernels.Lower(o, this); break;
            case LmHead o: LmHeadKernels.Lower(o, this); break;
            case AttentionPrep o: AttentionKernels.Lower(o, (Attention)next!, this); break;
            case GdnConv o: GdnKernels.Lower(o, (GdnScan)next!, this); break;
            default: throw new UnreachableException($"[metal] {op.GetType().Name}: no lowering");
        }
        return count;
    }

    private void Remember(PlanOp op)
    {
        _last[op.GetType()] = op;
        _opName = op.Name;
    }

    private int IndexOf(PlanOp op)
    {
        int index = 0;
        while (!ReferenceEquals(Plan.Ops[index], op))
        {
            index++;
        }
        return index;
    }

    /// <summary>True when an operation after <paramref name="index"/> reads the buffer before
    /// another writes it.</summary>
    private bool IsReadAfter(BufferId buffer, int index)
    {
        foreach (PlanOp op in Plan.Ops.Skip(index + 1))
        {
            if (Reads(op, buffer))
            {
                return true;
            }
            if (op is RmsNorm norm && norm.Output == buffer)
            {
                return false;
            }
        }
        return false;
    }

    private static bool Reads(PlanOp op, BufferId buffer) => op switch
    {
        RmsNorm o => o.Input == buffer,
        Linear o => o.Input == buffer,
        DenseGateUp o => o.Input == buffer,
        Route o => o.Input == buffer,
        MoeGateUp o => o.Input == buffer,
        LmHead o => o.Input == buffer,
        // The others read what a projection wrote, never a norm's output.
        _ => false,
    };

    private void Dispatch<TArgs>(
        KernelSpec kernel, string name, in TArgs args, ReadOnlySpan<BufferRef> buffers,
        GridRule grid, int threads, int threadgroupBytes,
        ReadOnlySpan<FunctionConstant> constants)
        where TArgs : unmanaged
    {
        Pipeline pipeline = _kernels.Pipeline(kernel.Family, name, constants);
        var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<TArgs>(in args));
        _list.Add(new DispatchEntry(_opName, kernel, pipeline, grid, threads, threadgroupBytes),
            bytes, buffers);
    }
}
