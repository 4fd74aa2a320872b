using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>One matrix of a stacked product and where its output goes.</summary>
internal sealed record LinearTarget(WeightMatrix Matrix, Rows Output);

/// <summary>
/// Stacked products that share their input, optionally added to the output rows. A unit is a run
/// of output rows of one matrix, for all rows of the step.
/// </summary>
internal sealed unsafe class LinearOpKernel : CpuKernel
{
    private readonly LinearTarget[] _targets;
    private readonly int[] _firstUnit;
    private readonly int[] _rowsPerUnit;
    private readonly UnitSplit[] _splits;
    private readonly ActivationRows _input;
    private readonly bool _addToOutput;
    private readonly KernelResources _resources;
    private int _rows;

    public LinearOpKernel(
        string name, LinearTarget[] targets, ActivationRows input, bool addToOutput,
        KernelResources resources)
        : base(name)
    {
        _targets = targets;
        _input = input;
        _addToOutput = addToOutput;
        _resources = resources;
        _firstUnit = new int[targets.Length + 1];
        _rowsPerUnit = new int[targets.Length];
        _splits = [.. targets.Select(t => t.Matrix.Split(resources.Threads))];
        if (addToOutput)
        {
            resources.Scratch.Reserve(_splits.Max(s => s.LargestOutput(resources.MaxTokens)));
        }
    }

    public override int Prepare(StepContext step)
    {
        _rows = step.TokenCount;
        for (int i = 0; i < _targets.Length; i++)
        {
            _rowsPerUnit[i] = _splits[i].RowsFor(_rows);
            _firstUnit[i + 1] = _firstUnit[i] + UnitsOf(_targets[i].Matrix.Rows, _rowsPerUnit[i]);
        }
        return _firstUnit[^1];
    }

    public override void Run(int unit, int worker)
    {
        int part = 0;
        while (_firstUnit[part + 1] <= unit)
        {
            part++;
        }
        LinearTarget target = _targets[part];
        int first = (unit - _firstUnit[part]) * _rowsPerUnit[part];
        int count = Math.Min(_rowsPerUnit[part], target.Matrix.Rows - first);
        RowSet rows = _resources.Rows(0, _rows);
        LinearScratch linear = _resources.Linear(worker);
        float* output = target.Output.Row(0) + first;
        if (!_addToOutput)
        {
            target.Matrix.Multiply(
                first, count, _input, rows, output, target.Output.Stride, linear);
            return;
        }
        float* product = _resources.Scratch.Floats(worker);
        target.Matrix.Multiply(first, count, _input, rows, product, _rowsPerUnit[part], linear);
        for (int t = 0; t < _rows; t++)
        {
            Add(product + (t * _rowsPerUnit[part]), target.Output.Row(t) + first, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* source, float* destination, int count)
    {
        for (int i = 0; i < count; i += VectorMath.Lanes)
        {
            var sum = VectorMath.LoadPartial(destination + i, count - i)
                + VectorMath.LoadPartial(source + i, count - i);
            VectorMath.StorePartial(sum, destination + i, count - i);
        }
    }
}
