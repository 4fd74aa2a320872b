using System.Runtime.CompilerServices;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// What must be known of all rules before any is compiled: which can be empty, which can end at
/// all, which are small enough to be copied to where they are used; and that none is left
/// recursive.
/// </summary>
internal sealed class RuleFacts
{
    private const int MaxInlineSize = 40;
    private const int MinLoop = 8;
    private const long Cap = int.MaxValue;

    private readonly GrammarRule[] _rules;
    private readonly bool[] _nullable;
    private readonly bool[] _productive;
    private readonly long[] _sizes;
    private readonly bool[] _recursive;

    public RuleFacts(GrammarRule[] rules, int root)
    {
        _rules = rules;
        _nullable = new bool[rules.Length];
        _productive = new bool[rules.Length];
        _sizes = new long[rules.Length];
        _recursive = new bool[rules.Length];
        // Rules mostly use later ones, so backwards this ends after two or three rounds.
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = rules.Length - 1; i >= 0; i--)
            {
                changed |= Raise(ref _nullable[i], !_nullable[i] && IsNullable(rules[i].Body));
                changed |= Raise(
                    ref _productive[i], !_productive[i] && IsProductive(rules[i].Body));
            }
        }
        if (!_productive[root])
        {
            throw new GrammarException($"rule '{rules[root].Name}': expected a text that "
                + "satisfies it, got none (recursion without end, or an empty choice)");
        }
        RefuseLeftRecursion();
        for (int i = 0; i < rules.Length; i++)
        {
            Measure(i);
        }
    }

    /// <summary>Small, and without a loop: masks are dear where a text may go on in many ways,
    /// which is in loops, so rules with loops are kept apart and share what is computed.</summary>
    public bool IsInlined(int rule) => !_recursive[rule] && _sizes[rule] <= MaxInlineSize;

    public bool IsNullableRule(int rule) => _nullable[rule];

    public bool IsProductiveRule(int rule) => _productive[rule];

    private static bool Raise(ref bool fact, bool found)
    {
        fact |= found;
        return found;
    }

    private bool IsNullable(GrammarNode node)
    {
        CheckStack();
        return node switch
        {
            GrammarNode.Literal l => l.Bytes.Length == 0,
            GrammarNode.Sequence s => Array.TrueForAll(s.Parts, IsNullable),
            GrammarNode.Choice c => Array.Exists(c.Options, IsNullable),
            GrammarNode.Repeat r => r.Min == 0 || IsNullable(r.Body),
            GrammarNode.Reference r => _nullable[r.Rule],
            _ => false,
        };
    }

    private bool IsProductive(GrammarNode node)
    {
        CheckStack();
        return node switch
        {
            GrammarNode.Characters c => !c.Set.IsEmpty,
            GrammarNode.Sequence s => Array.TrueForAll(s.Parts, IsProductive),
            GrammarNode.Choice c => Array.Exists(c.Options, IsProductive),
            GrammarNode.Repeat r => r.Min == 0 || IsProductive(r.Body),
            GrammarNode.Reference r => _productive[r.Rule],
            _ => true,
        };
    }

    /// <summary>Rules that can stand at the very beginning of the node.</summary>
    private void CollectFirst(GrammarNode node, HashSet<int> rules)
    {
        CheckStack();
        switch (node)
        {
            case GrammarNode.Sequence s:
                foreach (var part in s.Parts)
                {
                    CollectFirst(part, rules);
                    if (!IsNullable(part))
                    {
                        break;
                    }
                }
                break;
            case GrammarNode.Choice c:
                Array.ForEach(c.Options, o => CollectFirst(o, rules));
                break;
            case GrammarNode.Repeat r when r.Max != 0:
                CollectFirst(r.Body, rules);
                break;
            case GrammarNode.Reference r:
                rules.Add(r.Rule);
                break;
        }
    }

    private void RefuseLeftRecursion()
    {
        var first = new int[_rules.Length][];
        for (int i = 0; i < first.Length; i++)
        {
            var set = new HashSet<int>();
            CollectFirst(_rules[i].Body, set);
            first[i] = [.. set];
        }
        var isDone = new bool[_rules.Length];
        var path = new List<int>();
        var onPath = new bool[_rules.Length];
        for (int i = 0; i < first.Length; i++)
        {
            Visit(i);
        }

        void Visit(int rule)
        {
            CheckStack();
            if (onPath[rule])
            {
                var cycle = path.SkipWhile(r => r != rule).Append(rule).Take(9);
                throw new GrammarException($"rule '{_rules[rule].Name}': left recursion is not "
                    + $"supported ({string.Join(" -> ", cycle.Select(r => _rules[r].Name))})");
            }
            if (isDone[rule])
            {
                return;
            }
            onPath[rule] = true;
            path.Add(rule);
            Array.ForEach(first[rule], Visit);
            path.RemoveAt(path.Count - 1);
            onPath[rule] = false;
            isDone[rule] = true;
        }
    }

    /// <summary>Size of the rule with small rules copied into it; marks at least one rule of
    /// every cycle as recursive.</summary>
    private long Measure(int rule)
    {
        CheckStack();
        if (_sizes[rule] < 0)
        {
            _recursive[rule] = true;
            return 1;
        }
        if (_sizes[rule] == 0)
        {
            _sizes[rule] = -1;
            _sizes[rule] = Math.Max(1, Measure(_rules[rule].Body));
        }
        return IsInlined(rule) ? _sizes[rule] : 1;
    }

    private long Measure(GrammarNode node)
    {
        CheckStack();
        return node switch
        {
            GrammarNode.Characters c => Utf8Ranges.Of(c.Set).Sum(s => s.Length),
            GrammarNode.Literal l => l.Bytes.Length,
            GrammarNode.Sequence s => Measure(s.Parts),
            GrammarNode.Choice c => Measure(c.Options),
            GrammarNode.Repeat { Max: null or >= MinLoop } => Cap,
            GrammarNode.Repeat r => Math.Min(Cap, Measure(r.Body) * Math.Max(1, r.Max ?? 1)),
            GrammarNode.Reference r => Measure(r.Rule),
            _ => 1,
        };
    }

    private long Measure(GrammarNode[] nodes)
    {
        long sum = 0;
        foreach (var node in nodes)
        {
            sum = Math.Min(Cap, sum + Measure(node));
        }
        return sum;
    }

    internal static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new GrammarException("rules are nested too deeply");
        }
    }
}
