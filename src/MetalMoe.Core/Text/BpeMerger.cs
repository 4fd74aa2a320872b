namespace MetalMoe.Core.Text;

/// <summary>
/// Merges the bytes of one word into tokens: always the pair of lowest rank, of equal ones the
/// leftmost. A heap of candidate pairs over a linked list: n log n for a word of n bytes.
/// One instance serves one thread and keeps its arrays.
/// </summary>
internal sealed class BpeMerger
{
    private const int None = -1;

    private Symbol[] _symbols = new Symbol[64];

    // Rank in the upper half, left symbol in the lower: the smallest number is the next pair.
    private ulong[] _heap = new ulong[192];
    private int _heapCount;

    /// <summary>Symbols the arrays hold; long words make them grow for good.</summary>
    public int Capacity => _symbols.Length;

    /// <summary>Appends the tokens of a word.</summary>
    public void Merge(Vocabulary vocabulary, ReadOnlySpan<byte> word, List<int> destination)
    {
        Reset(vocabulary, word);
        while (_heapCount > 0)
        {
            ulong top = Pop();
            int left = (int)(uint)top;
            ref var symbol = ref _symbols[left];
            if (symbol.Pair.Rank != (int)(top >> 32))
            {
                // The pair changed after it was queued, or its left half went into another.
                continue;
            }
            symbol.Token = symbol.Pair.Result;
            ref var right = ref _symbols[symbol.Next];
            right.Pair = new Merge(None, None);
            symbol.Next = right.Next;
            if (symbol.Next != None)
            {
                _symbols[symbol.Next].Previous = left;
            }
            if (symbol.Previous != None)
            {
                Queue(vocabulary.Merges, symbol.Previous);
            }
            Queue(vocabulary.Merges, left);
        }
        for (int i = 0; i != None; i = _symbols[i].Next)
        {
            destination.Add(_symbols[i].Token);
        }
    }

    private void Reset(Vocabulary vocabulary, ReadOnlySpan<byte> word)
    {
        if (_symbols.Length < word.Length)
        {
            int capacity = checked(word.Length + (word.Length / 2));
            _symbols = new Symbol[capacity];
            // Each of the n - 1 first pairs, and at most two more for each of n - 1 merges.
            _heap = new ulong[checked(capacity * 3)];
        }
        _heapCount = 0;
        for (int i = 0; i < word.Length; i++)
        {
            _symbols[i] = new Symbol
            {
                Token = vocabulary.ByteToken(word[i]),
                Previous = i - 1,
                Next = i + 1 < word.Length ? i + 1 : None,
            };
        }
        for (int i = 0; i < word.Length; i++)
        {
            Queue(vocabulary.Merges, i);
        }
    }

    /// <summary>Looks up the pair that starts at a symbol and queues it.</summary>
    private void Queue(MergeTable merges, int left)
    {
        ref var symbol = ref _symbols[left];
        if (symbol.Next == None
            || !merges.TryFind(symbol.Token, _symbols[symbol.Next].Token, out symbol.Pair))
        {
            symbol.Pair = new Merge(None, None);
            return;
        }
        Push(((ulong)(uint)symbol.Pair.Rank << 32) | (uint)left);
    }

    private void Push(ulong value)
    {
        int i = _heapCount++;
        while (i > 0 && _heap[(i - 1) / 2] > value)
        {
            _heap[i] = _heap[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        _heap[i] = value;
    }

    private ulong Pop()
    {
        ulong top = _heap[0];
        ulong value = _heap[--_heapCount];
        int i = 0;
        while (true)
        {
            int child = (2 * i) + 1;
            if (child >= _heapCount)
            {
                break;
            }
            if (child + 1 < _heapCount && _heap[child + 1] < _heap[child])
            {
                child++;
            }
            if (_heap[child] >= value)
            {
                break;
            }
            _heap[i] = _heap[child];
            i = child;
        }
        _heap[i] = value;
        return top;
    }

    private struct Symbol
    {
        public int Token;
        public int Previous;
        public int Next;

        /// <summary>Merge with the next symbol; rank -1 when there is none or this symbol
        /// is gone.</summary>
        public Merge Pair;
    }
}
