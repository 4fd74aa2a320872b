namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// A trie over the bytes of tokens as flat arrays in preorder: node i is followed by its subtree,
/// which ends before <see cref="EndOf"/>. Tokens in order of their bytes are in preorder too, so
/// the tokens that end at a node are a run, and those of a subtree as well.
/// </summary>
internal sealed class TokenTrie
{
    private readonly int[] _tokens;
    private readonly byte[] _bytes;
    private readonly int[] _depths;
    private readonly int[] _ends;
    private readonly int[] _firstTokens;

    /// <summary>Builds from tokens in ascending order of their bytes, none empty.</summary>
    public TokenTrie(int[] sortedTokens, TokenBytesReader bytesOf)
    {
        _tokens = sortedTokens;
        var bytes = new List<byte>();
        var depths = new List<int>();
        var firstTokens = new List<int>();
        ReadOnlySpan<byte> before = [];
        for (int i = 0; i < sortedTokens.Length; i++)
        {
            var text = bytesOf(sortedTokens[i]);
            int shared = before.CommonPrefixLength(text);
            for (int depth = shared; depth < text.Length; depth++)
            {
                bytes.Add(text[depth]);
                depths.Add(depth + 1);
                firstTokens.Add(i);
            }
            MaxDepth = Math.Max(MaxDepth, text.Length);
            before = text;
        }
        _bytes = [.. bytes];
        _depths = [.. depths];
        firstTokens.Add(sortedTokens.Length);
        _firstTokens = [.. firstTokens];
        _ends = FindEnds(_depths, MaxDepth);
    }

    public int NodeCount => _bytes.Length;

    /// <summary>Length of the longest token.</summary>
    public int MaxDepth { get; }

    public byte ByteOf(int node) => _bytes[node];

    /// <summary>Bytes from the root to the node, 1 for the first.</summary>
    public int DepthOf(int node) => _depths[node];

    /// <summary>The node after the subtree.</summary>
    public int EndOf(int node) => _ends[node];

    /// <summary>The tokens whose last byte is the node.</summary>
    public ReadOnlySpan<int> TokensAt(int node) =>
        _tokens.AsSpan(_firstTokens[node].._firstTokens[node + 1]);

    private static int[] FindEnds(int[] depths, int maxDepth)
    {
        int[] ends = new int[depths.Length];
        // Where the latest node of each depth begins, seen from behind.
        int[] next = new int[maxDepth + 2];
        Array.Fill(next, depths.Length);
        for (int i = depths.Length - 1; i >= 0; i--)
        {
            int depth = depths[i];
            int end = depths.Length;
            for (int d = 1; d <= depth; d++)
            {
                end = Math.Min(end, next[d]);
            }
            ends[i] = end;
            next[depth] = i;
        }
        return ends;
    }
}
