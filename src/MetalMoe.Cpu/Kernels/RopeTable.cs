using MetalMoe.Core.Plan;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Cosines and sines of the step's positions, computed once a step in double precision (an f32
/// angle loses the last pairs at long contexts) and shared by all attention layers.
/// </summary>
internal sealed class RopeTable
{
    private readonly double[] _frequencies;
    private readonly float[] _cos;
    private readonly float[] _sin;
    private long _version = -1;

    public RopeTable(RopeParameters rope, int maxTokens)
    {
        Pairs = rope.Dimensions / 2;
        _frequencies = new double[Pairs];
        for (int i = 0; i < Pairs; i++)
        {
            _frequencies[i] = Math.Pow(rope.Base, -2.0 * i / rope.Dimensions);
        }
        _cos = new float[maxTokens * Pairs];
        _sin = new float[maxTokens * Pairs];
    }

    /// <summary>Rotated pairs of a head: (i, i + Pairs).</summary>
    public int Pairs { get; }

    public void Update(StepContext step)
    {
        if (_version == step.Version)
        {
            return;
        }
        _version = step.Version;
        for (int t = 0; t < step.TokenCount; t++)
        {
            for (int i = 0; i < Pairs; i++)
            {
                var (sin, cos) = Math.SinCos(step.Positions[t] * _frequencies[i]);
                _cos[(t * Pairs) + i] = (float)cos;
                _sin[(t * Pairs) + i] = (float)sin;
            }
        }
    }

    /// <summary>Rotates one head of token row <paramref name="token"/> in place.</summary>
    public unsafe void Rotate(float* head, int token)
    {
        int row = token * Pairs;
        for (int i = 0; i < Pairs; i++)
        {
            float c = _cos[row + i];
            float s = _sin[row + i];
            float a = head[i];
            float b = head[i + Pairs];
            head[i] = (a * c) - (b * s);
            head[i + Pairs] = (a * s) + (b * c);
        }
    }
}
