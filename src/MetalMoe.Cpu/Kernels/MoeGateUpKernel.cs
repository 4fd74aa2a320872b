using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Gate and up matrix of the shared expert and where its hidden rows go.</summary>
internal sealed record SharedGateUpTarget(WeightMatrix Gate, WeightMatrix Up, Rows Output);

/// <summary>
/// Hidden rows SiLU(gate_e x) * up_e x of the chosen experts, in slot order
/// [T * A, F] (see <see cref="ExpertGroups"/>), and of the shared expert [T, Fs]. A unit is a
/// run of hidden rows of one expert for all its tokens; the shared expert's units come first
/// because in a prefill they are the largest.
/// </summary>
internal sealed unsafe class MoeGateUpKernel : CpuKernel
{
    private readonly Rows _expertIds;
    private readonly ExpertMatrix _gate;
    private readonly ExpertMatrix _up;
    private readonly ActivationRows _input;
    private readonly Rows _hidden;
    private readonly SharedGateUpTarget? _shared;
    private readonly ExpertGroups _groups;
    private readonly KernelResources _resources;
    private readonly UnitSplit _split;
    private int _rowsPerUnit;
    private int _unitsPerExpert;
    private int _sharedUnits;
    private int _tokens;

    public MoeGateUpKernel(
        MoeGateUp op, Rows expertIds, ActivationRows input, Rows hidden,
        SharedGateUpTarget? shared, ExpertGroups groups, KernelResources resources)
        : base(op.Name)
    {
        _expertIds = expertIds;
        _gate = new ExpertMatrix(op.Gate);
        _up = new ExpertMatrix(op.Up);
        _input = input;
        _hidden = hidden;
        _shared = shared;
        _groups = groups;
        _resources = resources;
        _split = _gate.Split(resources.Threads, expertIds.Columns);
        resources.Scratch.Reserve(2 * _split.LargestOutput(resources.MaxTokens));
    }

    public override int Prepare(StepContext step)
    {
        _tokens = step.TokenCount;
        _rowsPerUnit = _split.RowsFor(_tokens);
        _unitsPerExpert = UnitsOf(_gate.Rows, _rowsPerUnit);
        _sharedUnits = _shared is null ? 0 : UnitsOf(_shared.Gate.Rows, _rowsPerUnit);
        _groups.Build(_expertIds, _tokens);
        return _sharedUnits + (_groups.ActiveCount * _unitsPerExpert);
    }

    public override void Run(int unit, int worker)
    {
        if (unit < _sharedUnits)
        {
            RunShared(unit * _rowsPerUnit, worker);
            return;
        }
        unit -= _sharedUnits;
        int expert = _groups.Expert(unit / _unitsPerExpert);
        int first = unit % _unitsPerExpert * _rowsPerUnit;
        int count = Math.Min(_rowsPerUnit, _gate.Rows - first);
        RowSet tokens = _groups.Tokens(expert);
        LinearScratch linear = _resources.Linear(worker);
        float* gate = _resources.Scratch.Floats(worker);
        float* up = gate + ((long)tokens.Count * _rowsPerUnit);
        _gate.Multiply(expert, first, count, _input, tokens, gate, _rowsPerUnit, linear);
        _up.Multiply(expert, first, count, _input, tokens, up, _rowsPerUnit, linear);
        int slot = _groups.FirstSlot(expert);
        for (int i = 0; i < tokens.Count; i++)
        {
            long row = (long)i * _rowsPerUnit;
            SwiGlu.Apply(gate + row, up + row, _hidden.Row(slot + i) + first, count);
        }
    }

    private void RunShared(int first, int worker)
    {
        int count = Math.Min(_rowsPerUnit, _shared!.Gate.Rows - first);
        float* gate = _resources.Scratch.Floats(worker);
        float* up = gate + ((long)_tokens * _rowsPerUnit);
        RowSet rows = _resources.Rows(0, _tokens);
        LinearScratch linear = _resources.Linear(worker);
        _shared.Gate.Multiply(first, count, _input, rows, gate, _rowsPerUnit, linear);
        _shared.Up.Multiply(first, count, _input, rows, up, _rowsPerUnit, linear);
        for (int t = 0; t < _tokens; t++)
        {
            long row = (long)t * _rowsPerUnit;
            SwiGlu.Apply(gate + row, up + row, _shared.Output.Row(t) + first, count);
        }
    }
}
