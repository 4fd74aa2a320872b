using System.Runtime.CompilerServices;
using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Norm and rotary embedding of queries and keys, and the write of keys and values into the
/// cache. Query rows [T, H, padded K] get whole-vector heads. A unit is a run of tokens.
/// </summary>
internal sealed unsafe class AttentionPrepKernel(
    AttentionPrep op, Rows queryGate, Rows key, Rows value, float* queryNorm, float* keyNorm,
    RopeTable rope, KeyValueCache cache, CacheShape shape, Rows query) : CpuKernel(op.Name)
{
    private const int TokensPerUnit = 4;
    private StepContext _step = null!;

    public override int Prepare(StepContext step)
    {
        _step = step;
        rope.Update(step);
        return UnitsOf(step.TokenCount, TokensPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int last = Math.Min((unit + 1) * TokensPerUnit, _step.TokenCount);
        for (int t = unit * TokensPerUnit; t < last; t++)
        {
            PrepareQueries(t);
            WriteCache(t);
        }
    }

    private void PrepareQueries(int token)
    {
        int k = shape.HeadDim;
        for (int h = 0; h < op.HeadCount; h++)
        {
            float* destination = query.Row(token) + (h * cache.HeadStride);
            NormalizeHead(queryGate.Row(token) + (2 * h * k), queryNorm, destination);
            rope.Rotate(destination, token);
        }
    }

    private void WriteCache(int token)
    {
        int slot = _step.Slots[token];
        int position = _step.Positions[token];
        float* head = stackalloc float[cache.HeadStride];
        for (int g = 0; g < shape.KvHeads; g++)
        {
            NormalizeHead(key.Row(token) + (g * shape.HeadDim), keyNorm, head);
            rope.Rotate(head, token);
            cache.Write(
                slot, g, position, head, value.Row(token) + (g * shape.HeadDim));
        }
    }

    private void NormalizeHead(float* source, float* gamma, float* destination)
    {
        int k = shape.HeadDim;
        Unsafe.CopyBlockUnaligned(destination, source, (uint)k * sizeof(float));
        for (int i = k; i < cache.HeadStride; i++)
        {
            destination[i] = 0;
        }
        RmsNormKernel.Normalize(
            destination, gamma, k, cache.HeadStride, op.Epsilon, destination);
    }
}
