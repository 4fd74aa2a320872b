using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Final norm of the rows that need logits, gathered to the front. A unit is a row.
/// </summary>
internal sealed unsafe class OutputNormKernel(
    LmHead op, Rows input, float* gamma, Rows output) : CpuKernel(op.Name + ".norm")
{
    private StepContext _step = null!;

    public override int Prepare(StepContext step)
    {
        _step = step;
        return step.OutputCount;
    }

    public override void Run(int unit, int worker) => RmsNormKernel.Normalize(
        input.Row(_step.OutputRows[unit]), gamma, input.Columns, input.Stride, op.Epsilon,
        output.Row(unit));
}

/// <summary>Logits [R, V] of the normed rows. A unit is a run of vocabulary rows.</summary>
internal sealed unsafe class LmHeadKernel(
    LmHead op, WeightMatrix head, ActivationRows input, Rows logits, KernelResources resources)
    : CpuKernel(op.Name)
{
    private readonly UnitSplit _split = head.Split(resources.Threads);
    private int _rowsPerUnit;
    private int _rows;

    public override int Prepare(StepContext step)
    {
        _rows = step.OutputCount;
        _rowsPerUnit = _split.RowsFor(_rows);
        return _rows == 0 ? 0 : UnitsOf(head.Rows, _rowsPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int first = unit * _rowsPerUnit;
        head.Multiply(
            first, Math.Min(_rowsPerUnit, head.Rows - first), input, resources.Rows(0, _rows),
            logits.Row(0) + first, logits.Stride, resources.Linear(worker));
    }
}
