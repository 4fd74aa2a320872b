namespace MetalMoe.Core.Text.Grammar;

/// <summary>One byte position of a UTF-8 pattern: first to last value, both included.</summary>
internal readonly record struct ByteRange(byte First, byte Last);

/// <summary>Cuts ranges of code points into sequences of byte ranges of equal length.</summary>
internal static class Utf8Ranges
{
    private static readonly int[] _lastOfLength = [0x7F, 0x7FF, 0xFFFF, CodePointSet.MaxCodePoint];

    public static IEnumerable<ByteRange[]> Of(CodePointSet set) => set.Ranges.SelectMany(Split);

    private static IEnumerable<ByteRange[]> Split(CodePointRange range)
    {
        int first = range.First;
        foreach (int limit in _lastOfLength)
        {
            if (first <= limit && first <= range.Last)
            {
                int last = Math.Min(range.Last, limit);
                foreach (var sequence in SplitSameLength(first, last))
                {
                    yield return sequence;
                }
                first = last + 1;
            }
        }
    }

    /// <summary>
    /// A run of code points is a product of byte ranges when, below the highest byte in which
    /// its ends differ, it begins with all low bits clear and ends with all set.
    /// </summary>
    private static IEnumerable<ByteRange[]> SplitSameLength(int first, int last)
    {
        while (first <= last)
        {
            int end = last;
            for (int bits = 6; bits <= 18; bits += 6)
            {
                int low = (1 << bits) - 1;
                if ((first | low) == (end | low))
                {
                    break;
                }
                if ((first & low) != 0)
                {
                    end = first | low;
                    break;
                }
                if ((end & low) != low)
                {
                    end = (end & ~low) - 1;
                }
            }
            yield return Encode(first, end);
            first = end + 1;
        }
    }

    private static ByteRange[] Encode(int first, int last)
    {
        Span<byte> low = stackalloc byte[4];
        Span<byte> high = stackalloc byte[4];
        int length = new System.Text.Rune(first).EncodeToUtf8(low);
        new System.Text.Rune(last).EncodeToUtf8(high);
        var ranges = new ByteRange[length];
        for (int i = 0; i < length; i++)
        {
            ranges[i] = new ByteRange(low[i], high[i]);
        }
        return ranges;
    }
}
