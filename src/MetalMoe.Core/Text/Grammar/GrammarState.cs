namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Where a sequence stands in its grammar. Immutable to its holders: keep an earlier state to
/// rewind, hand it to another sequence to fork.
/// </summary>
public sealed class GrammarState
{
    internal const int NotWaiting = -1;

    internal GrammarState(
        StackItem[] items, bool isComplete, int hash, int matched = NotWaiting)
    {
        Items = items;
        IsComplete = isComplete;
        Hash = hash;
        Matched = matched;
    }

    /// <summary>The text so far belongs to the grammar; exactly then it may end.</summary>
    public bool IsComplete { get; }

    /// <summary>The trigger has not appeared yet: the grammar does not rule so far.</summary>
    public bool IsWaiting => Matched != NotWaiting;

    internal StackItem[] Items { get; }

    internal int Hash { get; }

    /// <summary>While waiting: bytes of the trigger that the text ends with.</summary>
    internal int Matched { get; }

    internal bool IsDead => Items.Length == 0 && !IsComplete && !IsWaiting;

    /// <summary>Successors by byte class, or by byte while waiting; filled as they are found.
    /// </summary>
    internal GrammarState?[]? Next { get; set; }

    /// <summary>Allowed tokens, once they were asked for.</summary>
    internal ulong[]? Mask { get; set; }
}

/// <summary>A state of the network, and the frames to return to when its rule ends.</summary>
internal readonly record struct StackItem(int State, StackFrame? Frame) : IComparable<StackItem>
{
    public int CompareTo(StackItem other) => State != other.State
        ? State.CompareTo(other.State)
        : (Frame?.Id ?? 0).CompareTo(other.Frame?.Id ?? 0);
}

/// <summary>An immutable call stack; equal stacks are one object.</summary>
internal sealed class StackFrame(int returnState, StackFrame? parent, long id)
{
    public int ReturnState => returnState;

    public StackFrame? Parent => parent;

    public long Id => id;
}
