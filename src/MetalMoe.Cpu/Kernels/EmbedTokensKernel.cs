using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Decodes the embedding rows of the step's tokens. A unit is a run of tokens.</summary>
internal sealed unsafe class EmbedTokensKernel(EmbedTokens op, Rows output) : CpuKernel(op.Name)
{
    private const int TokensPerUnit = 16;
    private StepContext _step = null!;

    public override int Prepare(StepContext step)
    {
        _step = step;
        for (int t = 0; t < step.TokenCount; t++)
        {
            if ((uint)step.TokenIds[t] >= (ulong)op.Table.Rows)
            {
                throw new MetalMoeException(
                    $"[{Name}] token id: expected 0 to {op.Table.Rows - 1}, "
                    + $"got {step.TokenIds[t]}");
            }
        }
        return UnitsOf(step.TokenCount, TokensPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int last = Math.Min((unit + 1) * TokensPerUnit, _step.TokenCount);
        for (int t = unit * TokensPerUnit; t < last; t++)
        {
            byte* row = (byte*)op.Table.Address + (_step.TokenIds[t] * op.Table.RowBytes);
            QuantDecoder.DecodeRow(
                op.Table.Format,
                new ReadOnlySpan<byte>(row, checked((int)op.Table.RowBytes)),
                new Span<float>(output.Row(t), output.Columns));
        }
    }
}
