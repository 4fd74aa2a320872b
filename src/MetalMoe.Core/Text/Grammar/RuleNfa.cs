namespace MetalMoe.Core.Text.Grammar;

/// <summary>An arrow of a <see cref="RuleNfa"/>: over bytes, or over a whole rule.</summary>
internal readonly record struct Arrow(byte First, byte Last, int Rule, int Target)
{
    public bool IsCall => Rule >= 0;
}

/// <summary>
/// One rule as a nondeterministic automaton over bytes and calls of other rules. State 0 is the
/// start, state 1 the end. Small rules are copied in place of a call; a call of a rule that can
/// be empty gets a way around it, so that every call may be taken to consume something.
/// </summary>
internal sealed class RuleNfa
{
    public const int Start = 0;
    public const int End = 1;

    private readonly GrammarRule[] _rules;
    private readonly RuleFacts _facts;
    private readonly string _name;
    private readonly int _maxStates;
    private readonly List<List<Arrow>> _arrows = [];
    private readonly List<List<int>> _empty = [];

    public RuleNfa(GrammarRule[] rules, RuleFacts facts, int rule, int maxStates)
    {
        _rules = rules;
        _facts = facts;
        _name = rules[rule].Name;
        _maxStates = maxStates;
        AddState();
        AddState();
        Build(rules[rule].Body, Start, End);
    }

    public int Count => _arrows.Count;

    public List<Arrow> ArrowsOf(int state) => _arrows[state];

    public List<int> EmptyArrowsOf(int state) => _empty[state];

    private int AddState()
    {
        if (_arrows.Count >= _maxStates)
        {
            throw new GrammarException(
                $"rule '{_name}': too large (repetitions or alternatives of this size need more "
                + "than the allowed number of states)");
        }
        _arrows.Add([]);
        _empty.Add([]);
        return _arrows.Count - 1;
    }

    private void Build(GrammarNode node, int from, int to)
    {
        RuleFacts.CheckStack();
        switch (node)
        {
            case GrammarNode.Characters c:
                foreach (var sequence in Utf8Ranges.Of(c.Set))
                {
                    BuildBytes(sequence, from, to);
                }
                break;
            case GrammarNode.Literal l:
                BuildBytes(Array.ConvertAll(l.Bytes, b => new ByteRange(b, b)), from, to);
                break;
            case GrammarNode.Sequence s:
                BuildSequence(s, from, to);
                break;
            case GrammarNode.Choice c:
                foreach (var option in c.Options)
                {
                    // Its own ends, lest a loop of one option leads into another.
                    int first = AddState();
                    int last = AddState();
                    _empty[from].Add(first);
                    _empty[last].Add(to);
                    Build(option, first, last);
                }
                break;
            case GrammarNode.Repeat r:
                BuildRepeat(r, from, to);
                break;
            case GrammarNode.Reference r when _facts.IsInlined(r.Rule):
                Build(_rules[r.Rule].Body, from, to);
                break;
            case GrammarNode.Reference r:
                if (_facts.IsProductiveRule(r.Rule))
                {
                    _arrows[from].Add(new Arrow(0, 0, r.Rule, to));
                }
                if (_facts.IsNullableRule(r.Rule))
                {
                    _empty[from].Add(to);
                }
                break;
        }
    }

    private void BuildBytes(ByteRange[] bytes, int from, int to)
    {
        if (bytes.Length == 0)
        {
            _empty[from].Add(to);
        }
        for (int i = 0; i < bytes.Length; i++)
        {
            int next = i == bytes.Length - 1 ? to : AddState();
            _arrows[from].Add(new Arrow(bytes[i].First, bytes[i].Last, -1, next));
            from = next;
        }
    }

    private void BuildSequence(GrammarNode.Sequence sequence, int from, int to)
    {
        foreach (var part in sequence.Parts)
        {
            int next = AddState();
            Build(part, from, next);
            from = next;
        }
        _empty[from].Add(to);
    }

    private void BuildRepeat(GrammarNode.Repeat repeat, int from, int to)
    {
        for (int i = 0; i < repeat.Min; i++)
        {
            int next = AddState();
            Build(repeat.Body, from, next);
            from = next;
        }
        if (repeat.Max is null)
        {
            int loop = AddState();
            int back = AddState();
            _empty[from].Add(loop);
            _empty[loop].Add(to);
            _empty[back].Add(loop);
            Build(repeat.Body, loop, back);
            return;
        }
        for (int i = repeat.Min; i < repeat.Max; i++)
        {
            _empty[from].Add(to);
            int next = AddState();
            Build(repeat.Body, from, next);
            from = next;
        }
        _empty[from].Add(to);
    }
}
