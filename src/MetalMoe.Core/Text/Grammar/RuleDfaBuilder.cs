namespace MetalMoe.Core.Text.Grammar;

/// <summary>One state of a rule: disjoint byte arrows, and one arrow for each rule it can call.
/// </summary>
internal sealed record RuleState(List<Arrow> Bytes, List<Arrow> Calls, bool IsEnd);

/// <summary>
/// Makes one rule deterministic, with calls as if they were symbols, by the subset construction.
/// </summary>
internal sealed class RuleDfaBuilder
{
    private readonly RuleNfa _nfa;
    private readonly string _name;
    private readonly int _maxStates;
    private readonly Dictionary<int[], int> _indices = new(new SetComparer());
    private readonly List<int[]> _sets = [];
    private readonly bool[] _isMarked;
    private readonly List<int>?[] _opening = new List<int>?[257];
    private readonly List<int>?[] _closing = new List<int>?[257];
    private long _work;

    private RuleDfaBuilder(RuleNfa nfa, string name, int maxStates, long work)
    {
        _nfa = nfa;
        _name = name;
        _maxStates = maxStates;
        _work = work;
        _isMarked = new bool[nfa.Count];
    }

    /// <summary>The states, the first is the start; every one can reach an end. Subtracts what it
    /// cost from <paramref name="work"/>.</summary>
    public static List<RuleState> Build(RuleNfa nfa, string name, int maxStates, ref long work)
    {
        var builder = new RuleDfaBuilder(nfa, name, maxStates, work);
        var states = builder.Build();
        work = builder._work;
        return Trim(states);
    }

    private List<RuleState> Build()
    {
        var states = new List<RuleState>();
        IndexOf([RuleNfa.Start]);
        for (int i = 0; i < _sets.Count; i++)
        {
            states.Add(Expand(_sets[i]));
        }
        return states;
    }

    private RuleState Expand(int[] set)
    {
        var bytes = new List<Arrow>();
        var calls = new SortedDictionary<int, List<int>>();
        bool isEnd = false;
        foreach (int state in set)
        {
            isEnd |= state == RuleNfa.End;
            foreach (var arrow in _nfa.ArrowsOf(state))
            {
                if (!arrow.IsCall)
                {
                    bytes.Add(arrow);
                }
                else if (calls.TryGetValue(arrow.Rule, out var targets))
                {
                    targets.Add(arrow.Target);
                }
                else
                {
                    calls.Add(arrow.Rule, [arrow.Target]);
                }
            }
        }
        Spend(set.Length + bytes.Count);
        return new RuleState(
            Disjoin(bytes),
            [.. calls.Select(c => new Arrow(0, 0, c.Key, IndexOf(c.Value)))],
            isEnd);
    }

    /// <summary>Sweeps over the byte values; between two borders the set of targets is one.
    /// </summary>
    private List<Arrow> Disjoin(List<Arrow> arrows)
    {
        var result = new List<Arrow>();
        if (arrows.Count == 0)
        {
            return result;
        }
        foreach (var arrow in arrows)
        {
            (_opening[arrow.First] ??= []).Add(arrow.Target);
            (_closing[arrow.Last + 1] ??= []).Add(arrow.Target);
        }
        var open = new List<int>();
        int start = 0;
        for (int value = 0; value <= 256; value++)
        {
            if (_opening[value] is not { Count: > 0 } && _closing[value] is not { Count: > 0 })
            {
                continue;
            }
            if (open.Count > 0)
            {
                int target = IndexOf(open);
                // Neighbours with the same target are one arrow.
                if (result.Count > 0 && result[^1].Target == target
                    && result[^1].Last == start - 1)
                {
                    result[^1] = result[^1] with { Last = (byte)(value - 1) };
                }
                else
                {
                    result.Add(new Arrow((byte)start, (byte)(value - 1), -1, target));
                }
            }
            _closing[value]?.ForEach(t => open.Remove(t));
            open.AddRange(_opening[value] ?? []);
            _closing[value]?.Clear();
            _opening[value]?.Clear();
            start = value;
        }
        return result;
    }

    private int IndexOf(List<int> states)
    {
        int[] closure = Close(states);
        if (!_indices.TryGetValue(closure, out int index))
        {
            if (_sets.Count >= _maxStates)
            {
                throw TooLarge();
            }
            index = _sets.Count;
            _indices.Add(closure, index);
            _sets.Add(closure);
        }
        return index;
    }

    private int[] Close(List<int> states)
    {
        var closure = new List<int>();
        foreach (int state in states)
        {
            Mark(state);
        }
        for (int i = 0; i < closure.Count; i++)
        {
            _nfa.EmptyArrowsOf(closure[i]).ForEach(Mark);
        }
        closure.ForEach(s => _isMarked[s] = false);
        Spend(closure.Count);
        // Only states with arrows of their own tell sets apart.
        int[] kept = [.. closure.Where(
            s => s == RuleNfa.End || _nfa.ArrowsOf(s).Count > 0)];
        Array.Sort(kept);
        return kept;

        void Mark(int state)
        {
            if (!_isMarked[state])
            {
                _isMarked[state] = true;
                closure.Add(state);
            }
        }
    }

    private void Spend(int work)
    {
        _work -= work;
        if (_work < 0)
        {
            throw TooLarge();
        }
    }

    private GrammarException TooLarge() => new(
        $"rule '{_name}': too ambiguous (a deterministic form needs too many states)");

    /// <summary>Drops the states from which no end can be reached.</summary>
    private static List<RuleState> Trim(List<RuleState> states)
    {
        var sources = new List<int>[states.Count];
        var pending = new Stack<int>();
        var canEnd = new bool[states.Count];
        for (int i = 0; i < states.Count; i++)
        {
            foreach (var arrow in states[i].Bytes.Concat(states[i].Calls))
            {
                (sources[arrow.Target] ??= []).Add(i);
            }
            if (states[i].IsEnd)
            {
                canEnd[i] = true;
                pending.Push(i);
            }
        }
        while (pending.TryPop(out int state))
        {
            foreach (int source in sources[state] ?? [])
            {
                if (!canEnd[source])
                {
                    canEnd[source] = true;
                    pending.Push(source);
                }
            }
        }
        int[] moved = new int[states.Count];
        int count = 0;
        for (int i = 0; i < moved.Length; i++)
        {
            // The start stays even where the rule has no text: nothing calls it then.
            moved[i] = canEnd[i] || i == 0 ? count++ : -1;
        }
        return [.. states.Where((_, i) => moved[i] >= 0).Select(s => new RuleState(
            Renumber(s.Bytes, moved), Renumber(s.Calls, moved), s.IsEnd))];
    }

    private static List<Arrow> Renumber(List<Arrow> arrows, int[] moved) =>
        [.. arrows.Where(a => moved[a.Target] >= 0)
            .Select(a => a with { Target = moved[a.Target] })];

    private sealed class SetComparer : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] set)
        {
            var hash = new HashCode();
            foreach (int state in set)
            {
                hash.Add(state);
            }
            return hash.ToHashCode();
        }
    }
}
