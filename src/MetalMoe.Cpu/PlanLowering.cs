using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;
using LinearOp = MetalMoe.Core.Plan.Linear;

namespace MetalMoe.Cpu;

/// <summary>Turns a plan into the list of CPU kernels that one step runs, once.</summary>
internal sealed unsafe class PlanLowering
{
    private readonly ModelPlan _plan;
    private readonly ExecutorOptions _options;
    private readonly PlanBuffers _buffers;
    private readonly WorkerScratch _scratch;
    private readonly KernelResources _resources;
    private readonly List<CpuKernel> _kernels = [];
    private readonly KeyValueCache[] _caches;
    private readonly RecurrentState[] _states;
    private readonly Dictionary<RopeParameters, RopeTable> _ropes = [];
    private readonly Dictionary<(int, int), ExpertGroups> _groups = [];
    private readonly Dictionary<(int, int), SpanPartials> _partials = [];
    private Rows _logits;

    public PlanLowering(ModelPlan plan, ExecutorOptions options, int threads)
    {
        _plan = plan;
        _options = options;
        _buffers = new PlanBuffers(plan, options.MaxBatchTokens);
        _scratch = _buffers.Own(new WorkerScratch(threads));
        _caches = [.. plan.Caches.Select(c => _buffers.Own(new KeyValueCache(c, options)))];
        _states = [.. plan.RecurrentStates.Select(
            s => _buffers.Own(new RecurrentState(s, options.Slots)))];
        int slots = options.MaxBatchTokens * LargestExpertUse(plan);
        _resources = _buffers.Own(new KernelResources(
            threads, options.MaxBatchTokens, Math.Max(slots, options.MaxLogitsRows),
            LongestWeightRow(plan), _scratch));
    }

    public LoweredPlan Lower()
    {
        foreach (PlanOp op in _plan.Ops)
        {
            Lower(op);
        }
        _scratch.Allocate();
        long scratchBytes = _buffers.ByteCount + _scratch.ByteCount
            + _partials.Values.Sum(p => p.ByteCount);
        return new LoweredPlan(
            [.. _kernels], _caches, _states, _logits, _buffers.Owned, scratchBytes);
    }

    private static int LargestExpertUse(ModelPlan plan) => plan.Ops.OfType<Route>()
        .Select(r => plan.Buffers[r.ExpertIds.Index].Columns).DefaultIfEmpty(1).Max();

    private static int LongestWeightRow(ModelPlan plan)
    {
        int longest = plan.Buffers.Max(b => b.Columns);
        return plan.Ops.OfType<MoeDown>()
            .Select(o => checked((int)o.Down.Matrix.Columns)).Append(longest).Max();
    }

    private void Lower(PlanOp op)
    {
        switch (op)
        {
            case EmbedTokens o: Add(new EmbedTokensKernel(o, Output(o.Output))); break;
            case RmsNorm o: Lower(o); break;
            case LinearOp o: Lower(o); break;
            case AttentionPrep o: Lower(o); break;
            case Attention o: Lower(o); break;
            case GdnConv o: Lower(o); break;
            case GdnScan o: Lower(o); break;
            case Route o: Lower(o); break;
            case MoeGateUp o: Lower(o); break;
            case MoeDown o: Lower(o); break;
            case DenseGateUp o: Lower(o); break;
            case LmHead o: Lower(o); break;
            default: throw new MetalMoeException($"[cpu] operation {op.GetType().Name}: unknown");
        }
    }

    private void Lower(RmsNorm o) => Add(new RmsNormKernel(
        o.Name, _buffers.Rows(o.Input), _buffers.Vector(o.Gamma), o.Epsilon, Output(o.Output)));

    private void Lower(LinearOp o)
    {
        if (o.Residual is { } residual && o.Parts.Any(p => p.Output != residual))
        {
            throw new MetalMoeException($"[cpu] {o.Name}: a residual is added in place");
        }
        LinearTarget[] targets = [.. o.Parts.Select(
            p => new LinearTarget(new WeightMatrix(p.Matrix), _buffers.Rows(p.Output)))];
        var input = Activations(o.Name, o.Input, targets.Any(t => t.Matrix.NeedsQuantized));
        foreach (LinearPart part in o.Parts)
        {
            Output(part.Output);
        }
        Add(new LinearOpKernel(o.Name, targets, input, o.Residual is not null, _resources));
    }

    private void Lower(AttentionPrep o)
    {
        CacheShape shape = _plan.Caches[o.CacheIndex];
        if (!_ropes.TryGetValue(o.Rope, out RopeTable? rope))
        {
            rope = new RopeTable(o.Rope, _options.MaxBatchTokens);
            _ropes.Add(o.Rope, rope);
        }
        Add(new AttentionPrepKernel(
            o, _buffers.Rows(o.QueryGate), _buffers.Rows(o.Key), _buffers.Rows(o.Value),
            _buffers.Vector(o.QueryNorm), _buffers.Vector(o.KeyNorm), rope,
            _caches[o.CacheIndex], shape, HeadRows(o.Query, o.HeadCount, shape.HeadDim)));
    }

    private void Lower(Attention o)
    {
        KeyValueCache cache = _caches[o.CacheIndex];
        CacheShape shape = _plan.Caches[o.CacheIndex];
        var operands = new AttentionOperands(
            o, HeadRows(o.Query, o.HeadCount, shape.HeadDim), _buffers.Rows(o.QueryGate), cache,
            shape, Output(o.Output));
        var key = (o.HeadCount, cache.HeadStride);
        if (!_partials.TryGetValue(key, out SpanPartials? partials))
        {
            partials = _buffers.Own(new SpanPartials(
                o.HeadCount, cache.HeadStride, _options.MaxBatchTokens,
                _options.ContextLength));
            _partials.Add(key, partials);
        }
        _scratch.Reserve(operands.ScratchLength(AttentionPrefillKernel.TokensPerUnit));
        Add(new AttentionDecodeKernel(operands, partials, _scratch));
        Add(new AttentionMergeKernel(operands, partials, _scratch));
        Add(new AttentionPrefillKernel(operands, _scratch));
    }

    private void Lower(GdnConv o)
    {
        RecurrentShape shape = _plan.RecurrentStates[o.StateIndex];
        Add(new GdnConvKernel(
            o, _buffers.Rows(o.Input), _buffers.Transposed(o.Kernel), _states[o.StateIndex],
            GdnRows(o.Output, o.KeyHeads, shape)));
    }

    private void Lower(GdnScan o)
    {
        RecurrentShape shape = _plan.RecurrentStates[o.StateIndex];
        var operands = new GdnScanOperands(
            o, shape, GdnRows(o.Qkv, o.KeyHeads, shape), _buffers.Rows(o.Alpha),
            _buffers.Rows(o.Beta), _buffers.Rows(o.Gate), _buffers.Vector(o.Norm),
            Output(o.Output));
        _scratch.Reserve(2L * _options.MaxBatchTokens);
        Add(new GdnScanKernel(operands, _states[o.StateIndex], _scratch));
    }

    private void Lower(Route o)
    {
        int experts = checked((int)o.Router.Rows);
        Rows logits = _buffers.Rows("router_logits", _options.MaxBatchTokens, experts);
        List<LinearTarget> targets = [new(new WeightMatrix(o.Router), logits)];
        Rows? sharedLogit = null;
        if (o.SharedGate is { } gate)
        {
            sharedLogit = _buffers.Rows("shared_logit", _options.MaxBatchTokens, 1);
            targets.Add(new(new WeightMatrix(gate), sharedLogit.Value));
        }
        var input = Activations(o.Name, o.Input, targets.Any(t => t.Matrix.NeedsQuantized));
        Add(new LinearOpKernel(o.Name, [.. targets], input, addToOutput: false, _resources));
        Add(new RouteKernel(
            o, logits, Output(o.ExpertIds), Output(o.ExpertWeights), sharedLogit,
            o.SharedScale is { } scale ? Output(scale) : null));
    }

    private void Lower(MoeGateUp o)
    {
        Rows ids = _buffers.Rows(o.ExpertIds);
        SharedGateUpTarget? shared = o.Shared is { } s
            ? new(new WeightMatrix(s.Gate), new WeightMatrix(s.Up), Output(s.Output))
            : null;
        bool needed = new ExpertMatrix(o.Gate).NeedsQuantized
            || new ExpertMatrix(o.Up).NeedsQuantized
            || shared is { } x && (x.Gate.NeedsQuantized || x.Up.NeedsQuantized);
        var input = Activations(o.Name, o.Input, needed);
        _buffers.Written(_buffers.Name(o.Output));
        Add(new MoeGateUpKernel(
            o, ids, input, SlotRows(o.Output, ids, o.Gate.Rows), shared,
            Groups(o.Gate.Matrix, o.Gate.RowsPerExpert, ids), _resources));
    }

    private void Lower(MoeDown o)
    {
        Rows ids = _buffers.Rows(o.ExpertIds);
        var down = new ExpertMatrix(o.Down);
        Rows hidden = SlotRows(o.Hidden, ids, checked((int)o.Down.Matrix.Columns));
        int slots = _options.MaxBatchTokens * ids.Columns;
        ActivationRows input = _buffers.Activations(
            _buffers.Name(o.Hidden), hidden, slots, down.NeedsQuantized,
            x => Add(new QuantizeKernel(
                o.Name + ".quantize", step => step.TokenCount * ids.Columns, x)));
        SharedDownSource? shared = null;
        if (o.Shared is { } s)
        {
            var matrix = new WeightMatrix(s.Matrix);
            shared = new(matrix, Activations(o.Name, s.Hidden, matrix.NeedsQuantized),
                s.Scale is { } scale ? _buffers.Rows(scale) : null);
        }
        var operands = new MoeDownOperands(
            down, input, ids, _buffers.Rows(o.ExpertWeights), shared,
            Groups(o.Down.Matrix, o.Down.RowsPerExpert, ids), Output(o.Residual));
        Rows routed = _buffers.Rows("expert_output", slots, o.Down.Rows);
        Rows sharedOutput = _buffers.Rows("shared_output", _options.MaxBatchTokens, o.Down.Rows);
        Add(new MoeDownFewKernel(o, operands, _resources));
        Add(new MoeDownManyKernel(o, operands, routed, sharedOutput, _resources));
        Add(new MoeCombineKernel(o, operands, routed, sharedOutput));
    }

    private void Lower(DenseGateUp o)
    {
        var gate = new WeightMatrix(o.Gate);
        var up = new WeightMatrix(o.Up);
        var input = Activations(o.Name, o.Input, gate.NeedsQuantized || up.NeedsQuantized);
        Add(new DenseGateUpKernel(o.Name, gate, up, input, Output(o.Output), _resources));
    }

    private void Lower(LmHead o)
    {
        var head = new WeightMatrix(o.Head);
        int rows = _options.MaxLogitsRows;
        Rows normed = _buffers.Rows("output_normed", rows, _plan.EmbeddingLength);
        Add(new OutputNormKernel(o, _buffers.Rows(o.Input), _buffers.Vector(o.Gamma), normed));
        ActivationRows input = _buffers.Activations(
            "output_normed", normed, rows, head.NeedsQuantized,
            x => Add(new QuantizeKernel(
                o.Name + ".quantize", step => step.OutputCount, x)));
        _logits = _buffers.Rows("logits", rows, _plan.VocabularySize);
        Add(new LmHeadKernel(o, head, input, _logits, _resources));
    }

    private void Add(CpuKernel kernel) => _kernels.Add(kernel);

    /// <summary>Rows that an operation writes: their quantised form is no longer current.
    /// </summary>
    private Rows Output(BufferId id)
    {
        _buffers.Written(_buffers.Name(id));
        return _buffers.Rows(id);
    }

    private ActivationRows Activations(string opName, BufferId id, bool needed)
    {
        Rows rows = _buffers.Rows(id);
        return _buffers.Activations(
            _buffers.Name(id), rows, _options.MaxBatchTokens, needed,
            x => Add(new QuantizeKernel(
                opName + ".quantize", step => step.TokenCount, x)));
    }

    /// <summary>A buffer [T, heads * padded head dimension].</summary>
    private Rows HeadRows(BufferId id, int heads, int headDim) => _buffers.Rows(
        _buffers.Name(id), _options.MaxBatchTokens, heads * VectorMath.Pad(headDim));

    private Rows GdnRows(BufferId id, int keyHeads, RecurrentShape shape) => HeadRows(
        id, (2 * keyHeads) + shape.ValueHeads, Math.Max(shape.KeyDim, shape.ValueDim));

    /// <summary>A buffer [T, A * F] seen as slots [T * A, F].</summary>
    private Rows SlotRows(BufferId id, Rows ids, int width) => _buffers.Rows(
        _buffers.Name(id), (long)_options.MaxBatchTokens * ids.Columns, width);

    private ExpertGroups Groups(Weight matrix, int rowsPerExpert, Rows ids)
    {
        int experts = checked((int)(matrix.Rows / rowsPerExpert));
        if (!_groups.TryGetValue((experts, ids.Columns), out ExpertGroups? groups))
        {
            groups = _buffers.Own(
                new ExpertGroups(experts, ids.Columns, _options.MaxBatchTokens));
            _groups.Add((experts, ids.Columns), groups);
        }
        return groups;
    }
}
