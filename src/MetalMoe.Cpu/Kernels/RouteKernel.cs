using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Picks the A experts with the largest router logits (the lower id wins a tie) and turns their
/// logits into weights. softmax over all E divided by the sum of the chosen is the softmax over
/// the chosen alone, so the other E - A exponentials are never computed. A unit is a run of
/// tokens.
/// </summary>
internal sealed unsafe class RouteKernel(
    Route op, Rows logits, Rows expertIds, Rows expertWeights, Rows? sharedLogit,
    Rows? sharedScale) : CpuKernel(op.Name + ".top")
{
    private const int TokensPerUnit = 32;
    private int _tokens;

    public override int Prepare(StepContext step)
    {
        _tokens = step.TokenCount;
        return UnitsOf(_tokens, TokensPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int last = Math.Min((unit + 1) * TokensPerUnit, _tokens);
        for (int t = unit * TokensPerUnit; t < last; t++)
        {
            float* weights = expertWeights.Row(t);
            Select(logits.Row(t), logits.Columns, (int*)expertIds.Row(t), weights);
            Normalize(weights);
            if (sharedLogit is { } source && sharedScale is { } destination)
            {
                var x = Vector512.Create(source.Row(t)[0]);
                destination.Row(t)[0] = VectorMath.Sigmoid(x).ToScalar();
            }
        }
    }

    /// <summary>Insertion into a descending list of A: E * A steps at worst, few in practice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Select(float* row, int experts, int* ids, float* values)
    {
        int used = expertIds.Columns;
        for (int e = 0; e < experts; e++)
        {
            int position = Math.Min(e, used);
            while (position > 0 && row[e] > values[position - 1])
            {
                position--;
            }
            if (position == used)
            {
                continue;
            }
            for (int i = Math.Min(e, used - 1); i > position; i--)
            {
                values[i] = values[i - 1];
                ids[i] = ids[i - 1];
            }
            values[position] = row[e];
            ids[position] = e;
        }
    }

    private void Normalize(float* weights)
    {
        int used = expertWeights.Columns;
        float maximum = weights[0];
        float sum = 0;
        for (int i = 0; i < used; i++)
        {
            weights[i] = VectorMath.Exp(Vector512.Create(weights[i] - maximum)).ToScalar();
            sum += weights[i];
        }
        for (int i = 0; i < used; i++)
        {
            weights[i] = weights[i] / sum * op.Scale;
        }
    }
}
