namespace MetalMoe.Core.Text;

/// <summary>Byte strings by index, end to end in one array: no object per token.</summary>
internal sealed class PackedStrings
{
    private readonly int[] _starts;
    private byte[] _bytes;
    private int _count;

    /// <param name="count">How many strings will be added.</param>
    /// <param name="expectedBytes">Their likely length in all.</param>
    public PackedStrings(int count, int expectedBytes)
    {
        _starts = new int[count + 1];
        _bytes = new byte[Math.Max(16, expectedBytes)];
    }

    /// <summary>The string added as number <paramref name="index"/>.</summary>
    public ReadOnlySpan<byte> this[int index] =>
        _bytes.AsSpan(_starts[index], _starts[index + 1] - _starts[index]);

    /// <summary>Adds the next string.</summary>
    public void Add(ReadOnlySpan<byte> value)
    {
        int start = _starts[_count];
        int end = checked(start + value.Length);
        if (end > _bytes.Length)
        {
            Array.Resize(ref _bytes, checked((int)Math.Max(end, _bytes.Length * 2L)));
        }
        value.CopyTo(_bytes.AsSpan(start));
        _starts[++_count] = end;
    }
}
