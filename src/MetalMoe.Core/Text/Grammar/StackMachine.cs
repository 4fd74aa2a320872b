namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Runs a <see cref="RuleNetwork"/> over bytes. All parses that are possible so far are followed
/// at once: a state is the set of their stacks. States are interned and remember their
/// successors, so that a path walked before costs one array access per byte.
/// </summary>
/// <remarks>Not thread-safe; <see cref="TokenMaskAutomaton"/> guards it. The tables are emptied
/// when they are full: states that are still held work on, and lose only their memory.</remarks>
internal sealed class StackMachine
{
    /// <summary>Most parses followed at once.</summary>
    public const int MaxItems = 4096;
    private const int MaxStates = 32_768;

    private readonly RuleNetwork _network;
    private readonly HashSet<GrammarState> _states = new(new StateComparer());
    private readonly Dictionary<(int, StackFrame?), StackFrame> _frames = [];
    private readonly HashSet<StackItem> _seen = [];
    private readonly HashSet<StackItem> _inKernel = [];
    private readonly List<StackItem> _kernel = [];
    private readonly Stack<StackItem> _pending = new();
    private bool _isComplete;
    private long _nextFrame = 1;

    public StackMachine(RuleNetwork network)
    {
        _network = network;
        Dead = new GrammarState([], false, 0);
        Start = Single(network.StartOf(network.Root), null);
    }

    /// <summary>No text of the grammar goes on like this.</summary>
    public GrammarState Dead { get; }

    /// <summary>The empty text.</summary>
    public GrammarState Start { get; }

    public int StateCount => _states.Count;

    /// <summary>The state of one parse, with what follows when its rule ends here.</summary>
    public GrammarState Single(int state, StackFrame? frame)
    {
        BeginKernel();
        AddToKernel(new StackItem(state, frame));
        return Intern();
    }

    /// <summary>The state after one more byte of the class.</summary>
    public GrammarState Step(GrammarState state, int byteClass)
    {
        if (state.Next?[byteClass] is { } known)
        {
            return known;
        }
        BeginKernel();
        _seen.Clear();
        foreach (var item in state.Items)
        {
            Expand(item, byteClass);
        }
        var next = Intern();
        (state.Next ??= new GrammarState?[_network.ClassCount])[byteClass] = next;
        return next;
    }

    public void Clear()
    {
        foreach (var state in _states)
        {
            state.Next = null;
            state.Mask = null;
        }
        _states.Clear();
        _frames.Clear();
    }

    private void BeginKernel()
    {
        _kernel.Clear();
        _inKernel.Clear();
        _isComplete = false;
    }

    /// <summary>Follows calls until the byte is consumed. Ends because no rule is left recursive.
    /// </summary>
    private void Expand(StackItem first, int byteClass)
    {
        byte value = _network.SampleOf(byteClass);
        _pending.Push(first);
        while (_pending.TryPop(out var item))
        {
            if (!_seen.Add(item))
            {
                continue;
            }
            var state = _network[item.State];
            foreach (var arrow in state.Bytes)
            {
                if (arrow.First <= value && value <= arrow.Last)
                {
                    AddToKernel(item with { State = arrow.Target });
                    break;
                }
            }
            foreach (var call in state.Calls)
            {
                if (_network.CanBegin(call.Rule, byteClass))
                {
                    // A frame that could only return once more is left out.
                    var frame = _network.OnlyEnds(call.Target)
                        ? item.Frame : Push(call.Target, item.Frame);
                    _pending.Push(new StackItem(_network.StartOf(call.Rule), frame));
                }
            }
        }
    }

    /// <summary>Adds an item and, where its rule can end, what follows.</summary>
    private void AddToKernel(StackItem item)
    {
        while (true)
        {
            if (!_network.OnlyEnds(item.State))
            {
                if (!_inKernel.Add(item))
                {
                    return;
                }
                if (_kernel.Count >= MaxItems)
                {
                    throw new GrammarException($"grammar: expected at most {MaxItems} parses of "
                        + "one text, got more; it is too ambiguous");
                }
                _kernel.Add(item);
            }
            if (!_network.IsEnd(item.State))
            {
                return;
            }
            if (item.Frame is null)
            {
                _isComplete = true;
                return;
            }
            item = new StackItem(item.Frame.ReturnState, item.Frame.Parent);
        }
    }

    private StackFrame Push(int returnState, StackFrame? parent)
    {
        if (!_frames.TryGetValue((returnState, parent), out var frame))
        {
            frame = new StackFrame(returnState, parent, _nextFrame++);
            _frames.Add((returnState, parent), frame);
        }
        return frame;
    }

    private GrammarState Intern()
    {
        if (_kernel.Count == 0 && !_isComplete)
        {
            return Dead;
        }
        _kernel.Sort();
        var hash = new HashCode();
        hash.Add(_isComplete);
        foreach (var item in _kernel)
        {
            hash.Add(item.State);
            hash.Add(item.Frame?.Id ?? 0);
        }
        var state = new GrammarState([.. _kernel], _isComplete, hash.ToHashCode());
        if (_states.TryGetValue(state, out var known))
        {
            return known;
        }
        if (_states.Count >= MaxStates)
        {
            Clear();
        }
        _states.Add(state);
        return state;
    }

    private sealed class StateComparer : IEqualityComparer<GrammarState>
    {
        public bool Equals(GrammarState? x, GrammarState? y) =>
            x!.IsComplete == y!.IsComplete && x.Items.AsSpan().SequenceEqual(y.Items);

        public int GetHashCode(GrammarState state) => state.Hash;
    }
}
