namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>The last n tokens and how often each of them is among these.</summary>
internal sealed class PenaltyWindow(int length, int vocabularySize)
{
    private readonly int[] _ring = new int[length];
    private readonly int[] _counts = new int[vocabularySize];
    private int _next;
    private int _filled;

    /// <summary>The tokens in the window, in no order, some of them several times.</summary>
    public ReadOnlySpan<int> Tokens => _ring.AsSpan(0, _filled);

    public int CountOf(int token) => _counts[token];

    public void Add(int token)
    {
        if (_filled == _ring.Length)
        {
            _counts[_ring[_next]]--;
        }
        else
        {
            _filled++;
        }
        _ring[_next] = token;
        _counts[token]++;
        _next = (_next + 1) % _ring.Length;
    }

    public void Clear()
    {
        foreach (int token in Tokens)
        {
            _counts[token] = 0;
        }
        _next = 0;
        _filled = 0;
    }
}
