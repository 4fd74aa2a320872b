using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Which rows of a buffer a step uses.</summary>
internal delegate int RowCount(StepContext step);

/// <summary>
/// Brings activation rows into the form the quantised products read, once for all matrices that
/// share them. A unit is a run of rows.
/// </summary>
internal sealed class QuantizeKernel(
    string name, RowCount rowCount, ActivationRows activations) : CpuKernel(name)
{
    private const int RowsPerUnit = 8;
    private int _rows;

    public override int Prepare(StepContext step)
    {
        _rows = rowCount(step);
        return UnitsOf(_rows, RowsPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int first = unit * RowsPerUnit;
        activations.Quantize(first, Math.Min(RowsPerUnit, _rows - first));
    }
}
