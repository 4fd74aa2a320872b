using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Output = SiLU(Gate x) * (Up x). A unit is a run of hidden rows.</summary>
internal sealed unsafe class DenseGateUpKernel : CpuKernel
{
    private readonly WeightMatrix _gate;
    private readonly WeightMatrix _up;
    private readonly ActivationRows _input;
    private readonly Rows _output;
    private readonly KernelResources _resources;
    private readonly UnitSplit _split;
    private int _rowsPerUnit;
    private int _rows;

    public DenseGateUpKernel(
        string name, WeightMatrix gate, WeightMatrix up, ActivationRows input, Rows output,
        KernelResources resources)
        : base(name)
    {
        _gate = gate;
        _up = up;
        _input = input;
        _output = output;
        _resources = resources;
        _split = gate.Split(resources.Threads);
        resources.Scratch.Reserve(2 * _split.LargestOutput(resources.MaxTokens));
    }

    public override int Prepare(StepContext step)
    {
        _rows = step.TokenCount;
        _rowsPerUnit = _split.RowsFor(_rows);
        return UnitsOf(_gate.Rows, _rowsPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int first = unit * _rowsPerUnit;
        int count = Math.Min(_rowsPerUnit, _gate.Rows - first);
        float* gate = _resources.Scratch.Floats(worker);
        float* up = gate + ((long)_rows * _rowsPerUnit);
        RowSet rows = _resources.Rows(0, _rows);
        LinearScratch linear = _resources.Linear(worker);
        _gate.Multiply(first, count, _input, rows, gate, _rowsPerUnit, linear);
        _up.Multiply(first, count, _input, rows, up, _rowsPerUnit, linear);
        for (int t = 0; t < _rows; t++)
        {
            long row = (long)t * _rowsPerUnit;
            SwiGlu.Apply(gate + row, up + row, _output.Row(t) + first, count);
        }
    }
}
