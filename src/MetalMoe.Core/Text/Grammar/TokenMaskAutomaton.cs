using System.Numerics;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Says which tokens may follow so that a text stays the beginning of a text of its grammar, and
/// may end only when it is a whole one. Tokens are judged by their bytes, so a token may hold
/// part of a character or end one rule and begin another.
/// </summary>
/// <remarks>
/// A mask is put together from two kinds of parts. What a token does inside the rule at the top
/// of the stack does not depend on the rest of the stack: that part is computed once for each
/// class of rule states by a walk over the trie of all tokens, together with the nodes of the trie
/// where the rule ends in the middle of a token; only what hangs below these nodes is walked again
/// for a new stack. Finished masks are kept with their state. All memory is bounded, and shared
/// by the sequences that use the automaton. Thread-safe; the warm path takes no lock and
/// allocates nothing.
/// </remarks>
public sealed class TokenMaskAutomaton
{
    private const long MaxMaskBytes = 64L << 20;

    private readonly RuleNetwork _network;
    private readonly StackMachine _machine;
    private readonly GrammarVocabulary _vocabulary;
    private readonly GrammarTrigger? _trigger;
    private readonly GrammarState[] _waiting = [];
    private readonly int[] _frameClasses;
    private readonly FrameMask?[] _frameMasks;
    private readonly GrammarState[] _path;
    private readonly Lock _gate = new();
    private long _maskBytes;

    /// <summary>Joins a grammar and a vocabulary.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="vocabulary">The model's tokens.</param>
    /// <param name="trigger">What must appear before the grammar rules; at once if null.</param>
    /// <exception cref="GrammarException">The vocabulary lacks an end token, a single-byte token
    /// that the grammar needs, or the token of the trigger.</exception>
    public TokenMaskAutomaton(
        TextGrammar grammar, GrammarVocabulary vocabulary, GrammarTrigger? trigger = null)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentNullException.ThrowIfNull(vocabulary);
        _network = grammar.Network;
        _machine = new StackMachine(_network);
        _vocabulary = vocabulary;
        _trigger = trigger;
        CheckVocabulary();
        if (trigger is not null)
        {
            _waiting = new GrammarState[Math.Max(1, trigger.Text.Length)];
            for (int i = 0; i < _waiting.Length; i++)
            {
                _waiting[i] = new GrammarState([], false, 0, matched: i);
            }
        }
        _frameClasses = FrameClasses.Find(_network, vocabulary.Trie.MaxDepth);
        _frameMasks = new FrameMask?[_frameClasses.Max() + 1];
        _path = new GrammarState[vocabulary.Trie.MaxDepth + 1];
    }

    /// <summary>V: number of tokens that a mask covers.</summary>
    public int TokenCount => _vocabulary.Count;

    /// <summary>The state of a sequence that has generated nothing.</summary>
    public GrammarState Start() => _waiting.Length > 0 ? _waiting[0] : _machine.Start;

    /// <summary>
    /// The tokens that may come next: bit t % 64 of word t / 64. End tokens are allowed exactly
    /// when the state is complete. Never empty. The words must not be changed.
    /// </summary>
    /// <exception cref="GrammarException">The grammar is so ambiguous here that following all
    /// parses would not be bounded.</exception>
    public ReadOnlySpan<ulong> AllowedTokens(GrammarState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Mask ?? ComputeMask(state);
    }

    /// <summary>Whether the token may come next.</summary>
    public bool IsAllowed(GrammarState state, int token) => TryAdvance(state, token, out _);

    /// <summary>The state after a token. An end token leaves a complete state as it is.</summary>
    /// <exception cref="GrammarException">The token is not allowed here.</exception>
    public GrammarState Advance(GrammarState state, int token) =>
        TryAdvance(state, token, out var next)
            ? next
            : throw new GrammarException(
                $"token: expected one that the grammar allows here, got {token}");

    /// <summary>The state after a token, if it may come next.</summary>
    public bool TryAdvance(GrammarState state, int token, out GrammarState next)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, _vocabulary.Count);
        next = state;
        if (_vocabulary.IsEnd(token))
        {
            return state.IsComplete;
        }
        if (state.IsWaiting && _trigger!.Token is { } trigger)
        {
            next = token == trigger ? _machine.Start : state;
            return true;
        }
        var bytes = _vocabulary.BytesOf(token);
        if (bytes.IsEmpty)
        {
            return state.IsWaiting;
        }
        foreach (byte value in bytes)
        {
            next = Step(next, value);
            if (next.IsDead)
            {
                return false;
            }
        }
        return true;
    }

    private GrammarState Step(GrammarState state, byte value)
    {
        if (state.IsWaiting)
        {
            int matched = _trigger!.Advance(state.Matched, value);
            return matched == _waiting.Length ? _machine.Start : _waiting[matched];
        }
        int byteClass = _network.ClassOf[value];
        if (state.Next?[byteClass] is { } known)
        {
            return known;
        }
        lock (_gate)
        {
            return _machine.Step(state, byteClass);
        }
    }

    private ulong[] ComputeMask(GrammarState state)
    {
        lock (_gate)
        {
            if (state.Mask is { } known)
            {
                return known;
            }
            ulong[] mask = NewMask();
            if (state.IsWaiting)
            {
                FillWaiting(state, mask);
            }
            foreach (var item in state.Items)
            {
                AddItem(item, mask);
            }
            if (state.IsComplete)
            {
                foreach (int token in _vocabulary.EndTokens)
                {
                    Allow(mask, token);
                }
            }
            state.Mask = mask;
            return mask;
        }
    }

    private void AddItem(StackItem item, ulong[] mask)
    {
        var frame = FrameMaskOf(item.State);
        Or(frame.Tokens, mask);
        if (item.Frame is null)
        {
            return;
        }
        var after = _machine.Single(item.Frame.ReturnState, item.Frame.Parent);
        foreach (int node in frame.Exits)
        {
            Walk(after, node + 1, _vocabulary.Trie.EndOf(node), mask, exits: null);
        }
    }

    /// <summary>What tokens do inside the rule of a network state.</summary>
    private FrameMask FrameMaskOf(int networkState)
    {
        int frameClass = _frameClasses[networkState];
        if (_frameMasks[frameClass] is { } known)
        {
            return known;
        }
        ulong[] tokens = NewMask();
        var exits = new List<int>();
        // With no frame below, a state is complete exactly where the rule can end.
        Walk(_machine.Single(networkState, null), 0, _vocabulary.Trie.NodeCount, tokens, exits);
        var mask = new FrameMask(tokens, [.. exits]);
        _frameMasks[frameClass] = mask;
        return mask;
    }

    /// <summary>Allows the tokens of a run of sibling subtrees that can be read from a state;
    /// collects the inner nodes at which the state is complete.</summary>
    private void Walk(GrammarState state, int first, int end, ulong[] mask, List<int>? exits)
    {
        var trie = _vocabulary.Trie;
        if (first == end)
        {
            return;
        }
        var classOf = _network.ClassOf;
        _path[trie.DepthOf(first) - 1] = state;
        for (int node = first; node < end;)
        {
            int depth = trie.DepthOf(node);
            var before = _path[depth - 1];
            int byteClass = classOf[trie.ByteOf(node)];
            var next = before.IsWaiting ? Step(before, trie.ByteOf(node))
                : before.Next?[byteClass] ?? _machine.Step(before, byteClass);
            if (next.IsDead)
            {
                node = trie.EndOf(node);
                continue;
            }
            foreach (int token in trie.TokensAt(node))
            {
                Allow(mask, token);
            }
            if (next.IsComplete && trie.EndOf(node) > node + 1)
            {
                exits?.Add(node);
            }
            _path[depth] = next;
            node++;
        }
    }

    /// <summary>Before the trigger all is allowed, but neither an end nor a token that shows the
    /// trigger and goes on against the grammar.</summary>
    private void FillWaiting(GrammarState state, ulong[] mask)
    {
        for (int token = 0; token < _vocabulary.Count; token++)
        {
            if (TryAdvance(state, token, out _))
            {
                Allow(mask, token);
            }
        }
    }

    private ulong[] NewMask()
    {
        int length = _vocabulary.MaskLength;
        if (_maskBytes + (length * sizeof(ulong)) > MaxMaskBytes)
        {
            // Handed-out masks live on with their readers; the rest is computed again.
            _machine.Clear();
            Array.Clear(_frameMasks);
            _maskBytes = 0;
        }
        _maskBytes += length * sizeof(ulong);
        return new ulong[length];
    }

    private void CheckVocabulary()
    {
        if (_vocabulary.EndTokens.Count == 0)
        {
            throw new GrammarException("vocabulary: expected a token that ends a text, got none");
        }
        if (_trigger?.Token >= _vocabulary.Count)
        {
            throw new GrammarException($"trigger: expected a token below {_vocabulary.Count}, "
                + $"got {_trigger.Token}");
        }
        var single = new bool[256];
        var trie = _vocabulary.Trie;
        for (int node = 0; node < trie.NodeCount; node = trie.EndOf(node))
        {
            single[trie.ByteOf(node)] = !trie.TokensAt(node).IsEmpty;
        }
        for (int i = 0; i < _network.StateCount; i++)
        {
            foreach (var arrow in _network[i].Bytes)
            {
                if (!single.AsSpan(arrow.First, arrow.Last - arrow.First + 1).Contains(true))
                {
                    throw new GrammarException("vocabulary: expected a token for a byte from "
                        + $"0x{arrow.First:X2} to 0x{arrow.Last:X2} of the grammar, got none");
                }
            }
        }
    }

    private static void Allow(ulong[] mask, int token) => mask[token >> 6] |= 1UL << (token & 63);

    private static void Or(ulong[] from, ulong[] into)
    {
        int step = Vector<ulong>.Count;
        int i = 0;
        for (; i <= into.Length - step; i += step)
        {
            (new Vector<ulong>(from, i) | new Vector<ulong>(into, i)).CopyTo(into, i);
        }
        for (; i < into.Length; i++)
        {
            into[i] |= from[i];
        }
    }

    /// <summary>The tokens that can be read within a rule, and the nodes of the trie at which the
    /// rule can end while tokens go on.</summary>
    private sealed record FrameMask(ulong[] Tokens, int[] Exits);
}
