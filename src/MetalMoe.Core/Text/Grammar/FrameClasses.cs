namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Groups states of a network that no token can tell apart: from states of one class the same
/// byte strings of up to a given length can be read within the rule, and end it at the same
/// places. A bounded repetition has thousands of states of one class, which share one mask.
/// </summary>
internal static class FrameClasses
{
    private const long MaxWork = 40_000_000;

    /// <summary>The class of each state, numbered from 0.</summary>
    public static int[] Find(RuleNetwork network, int length)
    {
        int count = network.StateCount;
        int[] classes = new int[count];
        int[] next = new int[count];
        var numbers = new Dictionary<UInt128, int>();
        int classCount = 0;
        long work = 0;
        // Round r tells apart what differs within r arrows, and every arrow takes a byte or more.
        for (int round = 0; round <= length; round++)
        {
            numbers.Clear();
            for (int i = 0; i < count; i++)
            {
                var state = network[i];
                work += 2 + state.Bytes.Count + state.Calls.Count;
                var key = Signature(state, classes);
                if (!numbers.TryGetValue(key, out next[i]))
                {
                    next[i] = numbers.Count;
                    numbers.Add(key, numbers.Count);
                }
            }
            (classes, next) = (next, classes);
            if (numbers.Count == classCount)
            {
                break;
            }
            classCount = numbers.Count;
            if (work > MaxWork)
            {
                // Too costly: every state is told apart, which is always right.
                return [.. Enumerable.Range(0, count)];
            }
        }
        return classes;
    }

    private static UInt128 Signature(RuleState state, int[] classes)
    {
        UInt128 hash = state.IsEnd ? 1u : 2u;
        foreach (var arrow in state.Bytes)
        {
            Mix((uint)(arrow.First << 8 | arrow.Last));
            Mix((uint)classes[arrow.Target]);
        }
        Mix(uint.MaxValue);
        foreach (var call in state.Calls)
        {
            Mix((uint)call.Rule);
            Mix((uint)classes[call.Target]);
        }
        return hash;

        void Mix(uint value)
        {
            // FNV-1a on 128 bits, a word at a time, with a shift against its weak high bits.
            hash = (hash ^ value) * new UInt128(0x0000_0000_0100_0000, 0x0000_0000_0000_013B);
            hash ^= hash >> 59;
        }
    }
}
