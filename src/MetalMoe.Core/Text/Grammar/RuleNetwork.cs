using System.Runtime.InteropServices;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// All rules of a grammar as deterministic automata that call each other: a pushdown automaton
/// over bytes. States of all rules are numbered through. From every state an end of its rule can
/// be reached, so whatever is begun can be completed.
/// </summary>
internal sealed class RuleNetwork
{
    public const int MaxStates = 200_000;
    private const long MaxWork = 2_000_000;

    private readonly RuleState[] _states;
    private readonly int[] _ruleStarts;
    private readonly byte[] _classOf = new byte[256];
    private readonly byte[] _sampleOf;
    private readonly ulong[] _firstClasses;

    public RuleNetwork(GrammarRule[] rules, int root)
    {
        var facts = new RuleFacts(rules, root);
        var states = new List<RuleState>();
        _ruleStarts = new int[rules.Length];
        Array.Fill(_ruleStarts, -1);
        Root = root;
        long work = MaxWork;
        var pending = new Stack<int>([root]);
        while (pending.TryPop(out int rule))
        {
            if (_ruleStarts[rule] >= 0)
            {
                continue;
            }
            int offset = states.Count;
            _ruleStarts[rule] = offset;
            var nfa = new RuleNfa(rules, facts, rule, MaxStates);
            foreach (var state in RuleDfaBuilder.Build(
                nfa, rules[rule].Name, MaxStates - offset, ref work))
            {
                Shift(state.Bytes, offset);
                Shift(state.Calls, offset);
                states.Add(state);
                state.Calls.ForEach(c => pending.Push(c.Rule));
            }
        }
        _states = [.. states];
        _sampleOf = AssignClasses();
        _firstClasses = FindFirst(rules.Length);
    }

    public int Root { get; }

    public int StateCount => _states.Length;

    /// <summary>Number of classes of bytes that no arrow tells apart.</summary>
    public int ClassCount => _sampleOf.Length;

    public ReadOnlySpan<byte> ClassOf => _classOf;

    public int StartOf(int rule) => _ruleStarts[rule];

    public RuleState this[int state] => _states[state];

    public bool IsEnd(int state) => _states[state].IsEnd;

    /// <summary>True where a rule can only end: its frame needs no return address.</summary>
    public bool OnlyEnds(int state) =>
        _states[state] is { IsEnd: true, Bytes.Count: 0, Calls.Count: 0 };

    /// <summary>A byte of the class.</summary>
    public byte SampleOf(int byteClass) => _sampleOf[byteClass];

    /// <summary>Whether a text of the rule can begin with a byte of the class.</summary>
    public bool CanBegin(int rule, int byteClass) =>
        (_firstClasses[(rule * 4) + (byteClass >> 6)] >> (byteClass & 63) & 1) != 0;

    private static void Shift(List<Arrow> arrows, int offset)
    {
        foreach (ref var arrow in CollectionsMarshal.AsSpan(arrows))
        {
            arrow = arrow with { Target = arrow.Target + offset };
        }
    }

    private byte[] AssignClasses()
    {
        var isBorder = new bool[257];
        foreach (var arrow in _states.SelectMany(s => s.Bytes))
        {
            isBorder[arrow.First] = true;
            isBorder[arrow.Last + 1] = true;
        }
        var samples = new List<byte> { 0 };
        for (int value = 1; value < 256; value++)
        {
            if (isBorder[value])
            {
                samples.Add((byte)value);
            }
            _classOf[value] = (byte)(samples.Count - 1);
        }
        return [.. samples];
    }

    private ulong[] FindFirst(int rules)
    {
        var first = new ulong[rules * 4];
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int rule = rules - 1; rule >= 0; rule--)
            {
                if (_ruleStarts[rule] < 0)
                {
                    continue;
                }
                var own = first.AsSpan(rule * 4, 4);
                ulong[] before = own.ToArray();
                var start = _states[_ruleStarts[rule]];
                foreach (var arrow in start.Bytes)
                {
                    for (int c = _classOf[arrow.First]; c <= _classOf[arrow.Last]; c++)
                    {
                        own[c >> 6] |= 1UL << (c & 63);
                    }
                }
                foreach (var call in start.Calls)
                {
                    for (int i = 0; i < 4; i++)
                    {
                        own[i] |= first[(call.Rule * 4) + i];
                    }
                }
                changed |= !own.SequenceEqual(before);
            }
        }
        return first;
    }
}
