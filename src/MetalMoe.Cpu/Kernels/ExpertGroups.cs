using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// The step's (token, rank) pairs sorted by expert: one slot a pair, the slots of an expert
/// adjacent, so that an expert's rows of weights are read once for all its tokens.
/// </summary>
internal sealed unsafe class ExpertGroups(int experts, int used, int maxTokens) : IDisposable
{
    private readonly int[] _next = new int[experts + 1];
    private readonly int[] _active = new int[experts];
    private readonly int[] _first = new int[experts + 1];
    private readonly NativeBuffer _slotTokens = new((long)maxTokens * used * sizeof(int));
    private readonly int[] _slotOf = new int[maxTokens * used];

    /// <summary>Experts that have at least one token.</summary>
    public int ActiveCount { get; private set; }

    /// <summary>Slots in use: T * A.</summary>
    public int SlotCount { get; private set; }

    /// <summary>Sorts the expert ids [T, A] of a step by counting.</summary>
    public void Build(Rows expertIds, int tokens)
    {
        Array.Clear(_next);
        for (int t = 0; t < tokens; t++)
        {
            var ids = (int*)expertIds.Row(t);
            for (int a = 0; a < used; a++)
            {
                _next[ids[a] + 1]++;
            }
        }
        ActiveCount = 0;
        for (int e = 0; e < experts; e++)
        {
            if (_next[e + 1] > 0)
            {
                _active[ActiveCount++] = e;
            }
            _next[e + 1] += _next[e];
            _first[e] = _next[e];
        }
        _first[experts] = _next[experts];
        for (int t = 0; t < tokens; t++)
        {
            var ids = (int*)expertIds.Row(t);
            for (int a = 0; a < used; a++)
            {
                int slot = _next[ids[a]]++;
                _slotTokens.Ints[slot] = t;
                _slotOf[(t * used) + a] = slot;
            }
        }
        SlotCount = tokens * used;
    }

    /// <summary>Id of the i-th active expert.</summary>
    public int Expert(int active) => _active[active];

    /// <summary>First slot of an expert.</summary>
    public int FirstSlot(int expert) => _first[expert];

    /// <summary>Token of every slot of an expert, ascending.</summary>
    public RowSet Tokens(int expert) =>
        new(_slotTokens.Ints + _first[expert], _first[expert + 1] - _first[expert]);

    /// <summary>Slot of the expert that is rank <paramref name="rank"/> for a token.</summary>
    public int SlotOf(int token, int rank) => _slotOf[(token * used) + rank];

    public void Dispose() => _slotTokens.Dispose();
}
