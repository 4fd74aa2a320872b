using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Down matrix of the shared expert, its hidden rows and its output scale.</summary>
internal sealed record SharedDownSource(WeightMatrix Matrix, ActivationRows Hidden, Rows? Scale);

/// <summary>Operands of the down projection, common to its forms for few and many tokens.
/// </summary>
internal sealed record MoeDownOperands(
    ExpertMatrix Down, ActivationRows Hidden, Rows ExpertIds, Rows ExpertWeights,
    SharedDownSource? Shared, ExpertGroups Groups, Rows Residual)
{
    /// <summary>Steps with at most this many tokens take the one-pass form.</summary>
    public const int FewTokens = UnitSplit.FewTokens;

    /// <summary>
    /// Adds the weighted outputs of a token's experts, in rank order, then the shared expert's,
    /// to <paramref name="count"/> residual values from column <paramref name="first"/>.
    /// </summary>
    /// <param name="token">Row of the step.</param>
    /// <param name="first">First column.</param>
    /// <param name="count">Columns.</param>
    /// <param name="routed">Output of each rank, from column <paramref name="first"/>.</param>
    /// <param name="shared">Output of the shared expert, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Combine(int token, int first, int count, float** routed, float* shared)
    {
        float* weights = ExpertWeights.Row(token);
        float* residual = Residual.Row(token) + first;
        float scale = Shared?.Scale is { } s ? s.Row(token)[0] : 1;
        for (int i = 0; i < count; i += VectorMath.Lanes)
        {
            int left = count - i;
            var sum = Vector512<float>.Zero;
            for (int a = 0; a < ExpertIds.Columns; a++)
            {
                sum = Vector512.FusedMultiplyAdd(
                    Vector512.Create(weights[a]), VectorMath.LoadPartial(routed[a] + i, left),
                    sum);
            }
            if (shared is not null)
            {
                sum = Vector512.FusedMultiplyAdd(
                    Vector512.Create(scale), VectorMath.LoadPartial(shared + i, left), sum);
            }
            var total = VectorMath.LoadPartial(residual + i, left) + sum;
            VectorMath.StorePartial(total, residual + i, left);
        }
    }
}

/// <summary>
/// Down projection of a few tokens in one pass: a unit is a run of output rows, which it
/// computes for all experts of a token and combines at once.
/// </summary>
internal sealed unsafe class MoeDownFewKernel : CpuKernel
{
    private readonly MoeDownOperands _o;
    private readonly KernelResources _resources;
    private readonly int _rowsPerUnit;
    private int _tokens;

    public MoeDownFewKernel(MoeDown op, MoeDownOperands operands, KernelResources resources)
        : base(op.Name)
    {
        _o = operands;
        _resources = resources;
        _rowsPerUnit = operands.Down.Split(resources.Threads, 1).RowsFor(1);
        resources.Scratch.Reserve((long)_rowsPerUnit * (operands.ExpertIds.Columns + 1));
    }

    public override int Prepare(StepContext step)
    {
        _tokens = step.TokenCount;
        return _tokens <= MoeDownOperands.FewTokens ? UnitsOf(_o.Down.Rows, _rowsPerUnit) : 0;
    }

    public override void Run(int unit, int worker)
    {
        int first = unit * _rowsPerUnit;
        int count = Math.Min(_rowsPerUnit, _o.Down.Rows - first);
        int used = _o.ExpertIds.Columns;
        float* products = _resources.Scratch.Floats(worker);
        float* shared = products + ((long)used * _rowsPerUnit);
        float** routed = stackalloc float*[used];
        LinearScratch linear = _resources.Linear(worker);
        for (int t = 0; t < _tokens; t++)
        {
            var ids = (int*)_o.ExpertIds.Row(t);
            for (int a = 0; a < used; a++)
            {
                routed[a] = products + (a * _rowsPerUnit);
                _o.Down.Multiply(
                    ids[a], first, count, _o.Hidden,
                    _resources.Rows(_o.Groups.SlotOf(t, a), 1), routed[a], _rowsPerUnit, linear);
            }
            _o.Shared?.Matrix.Multiply(
                first, count, _o.Shared.Hidden, _resources.Rows(t, 1), shared, _rowsPerUnit,
                linear);
            _o.Combine(t, first, count, routed, _o.Shared is null ? null : shared);
        }
    }
}

/// <summary>
/// Down projection of many tokens: every expert's rows once for all its tokens, into
/// [T * A, D] in slot order and [T, D] for the shared expert.
/// <see cref="MoeCombineKernel"/> follows.
/// </summary>
internal sealed unsafe class MoeDownManyKernel : CpuKernel
{
    private readonly MoeDownOperands _o;
    private readonly Rows _routed;
    private readonly Rows _shared;
    private readonly KernelResources _resources;
    private readonly int _rowsPerUnit;
    private readonly int _unitsPerExpert;
    private int _tokens;
    private int _sharedUnits;

    public MoeDownManyKernel(
        MoeDown op, MoeDownOperands operands, Rows routed, Rows shared,
        KernelResources resources)
        : base(op.Name)
    {
        _o = operands;
        _routed = routed;
        _shared = shared;
        _resources = resources;
        _rowsPerUnit =
            operands.Down.Split(resources.Threads, 1).RowsFor(MoeDownOperands.FewTokens + 1);
        _unitsPerExpert = UnitsOf(op.Down.Rows, _rowsPerUnit);
    }

    public override int Prepare(StepContext step)
    {
        _tokens = step.TokenCount;
        if (_tokens <= MoeDownOperands.FewTokens)
        {
            return 0;
        }
        _sharedUnits = _o.Shared is null ? 0 : _unitsPerExpert;
        return _sharedUnits + (_o.Groups.ActiveCount * _unitsPerExpert);
    }

    public override void Run(int unit, int worker)
    {
        int first = unit % _unitsPerExpert * _rowsPerUnit;
        int count = Math.Min(_rowsPerUnit, _o.Down.Rows - first);
        LinearScratch linear = _resources.Linear(worker);
        if (unit < _sharedUnits)
        {
            _o.Shared!.Matrix.Multiply(
                first, count, _o.Shared.Hidden, _resources.Rows(0, _tokens),
                _shared.Row(0) + first, _shared.Stride, linear);
            return;
        }
        int expert = _o.Groups.Expert((unit - _sharedUnits) / _unitsPerExpert);
        int slot = _o.Groups.FirstSlot(expert);
        int slots = _o.Groups.Tokens(expert).Count;
        _o.Down.Multiply(
            expert, first, count, _o.Hidden, _resources.Rows(slot, slots),
            _routed.Row(slot) + first, _routed.Stride, linear);
    }
}

/// <summary>Combines the outputs of <see cref="MoeDownManyKernel"/>. A unit is a token.
/// </summary>
internal sealed unsafe class MoeCombineKernel(
    MoeDown op, MoeDownOperands operands, Rows routed, Rows shared)
    : CpuKernel(op.Name + ".combine")
{
    public override int Prepare(StepContext step) =>
        step.TokenCount <= MoeDownOperands.FewTokens ? 0 : step.TokenCount;

    public override void Run(int unit, int worker)
    {
        float** outputs = stackalloc float*[operands.ExpertIds.Columns];
        for (int a = 0; a < operands.ExpertIds.Columns; a++)
        {
            outputs[a] = routed.Row(operands.Groups.SlotOf(unit, a));
        }
        operands.Combine(
            unit, 0, operands.Down.Rows, outputs,
            operands.Shared is null ? null : shared.Row(unit));
    }
}
