using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Partial attention results of the tokens that are split over the cache:
/// [item, H, partial], where an item is one (token, span).
/// </summary>
internal sealed unsafe class SpanPartials : IDisposable
{
    private readonly NativeBuffer _buffer;
    private readonly int _heads;
    private readonly int _partialLength;
    private readonly int[] _firstItem = new int[AttentionDecodeKernel.MaxTokens + 1];
    private int _tokens;

    public SpanPartials(int heads, int headStride, int maxTokens, int contextLength)
    {
        _heads = heads;
        _partialLength = AttentionBlock.PartialLength(headStride);
        long items = Math.Min(maxTokens, AttentionDecodeKernel.MaxTokens)
            * (long)SpansOf(contextLength - 1);
        _buffer = new NativeBuffer(items * heads * _partialLength * sizeof(float));
    }

    public long ByteCount => _buffer.ByteCount;

    /// <summary>Spans that a token at this position looks at.</summary>
    public static int SpansOf(int position) => (position / AttentionBlock.SpanLength) + 1;

    /// <summary>Lays out the step's items and returns their number.</summary>
    public int Plan(StepContext step)
    {
        _tokens = step.TokenCount;
        for (int t = 0; t < _tokens; t++)
        {
            _firstItem[t + 1] = _firstItem[t] + SpansOf(step.Positions[t]);
        }
        return _firstItem[_tokens];
    }

    public (int Token, int Span) Item(int item)
    {
        int token = _tokens - 1;
        while (_firstItem[token] > item)
        {
            token--;
        }
        return (token, item - _firstItem[token]);
    }

    public float* Partial(int token, int span, int head) =>
        _buffer.Floats
        + (((((long)_firstItem[token] + span) * _heads) + head) * _partialLength);

    public void Dispose() => _buffer.Dispose();
}
