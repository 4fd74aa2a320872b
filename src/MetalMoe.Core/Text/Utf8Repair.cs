namespace MetalMoe.Core.Text;

/// <summary>
/// Makes invalid UTF-8 readable the way llama.cpp does, so that broken input gets the same
/// tokens: a byte that starts no sequence becomes U+FFFD on its own, an overlong sequence is
/// rewritten in its shortest form, an encoded surrogate stays.
/// </summary>
/// <remarks>llama.cpp ends the process on a sequence for U+110000 or more; here its bytes are
/// invalid like any other.</remarks>
internal static class Utf8Repair
{
    /// <summary>Most bytes that a repair of <paramref name="length"/> bytes can take.</summary>
    public static int MaxLength(int length) => checked(length * 3);

    /// <summary>Writes the repaired text; returns its length in bytes.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    public static int Run(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int written = 0;
        for (int i = 0; i < source.Length;)
        {
            int length = Decode(source[i..], out int codePoint);
            i += length;
            written += Encode(codePoint, destination[written..]);
        }
        return written;
    }

    private static int Decode(ReadOnlySpan<byte> source, out int codePoint)
    {
        byte lead = source[0];
        int length = lead switch
        {
            < 0x80 => 1,
            < 0xC0 => 0,
            < 0xE0 => 2,
            < 0xF0 => 3,
            < 0xF8 => 4,
            _ => 0,
        };
        codePoint = length < 2 ? lead : lead & (0x7F >> length);
        bool valid = length > 0 && length <= source.Length;
        for (int i = 1; valid && i < length; i++)
        {
            valid = (source[i] & 0xC0) == 0x80;
            codePoint = (codePoint << 6) | (source[i] & 0x3F);
        }
        if (valid && codePoint <= 0x10FFFF)
        {
            return length;
        }
        codePoint = 0xFFFD;
        return 1;
    }

    // Rune refuses surrogates, which must pass.
    private static int Encode(int codePoint, Span<byte> destination)
    {
        if (codePoint < 0x80)
        {
            destination[0] = (byte)codePoint;
            return 1;
        }
        int length = codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
        for (int i = length - 1; i > 0; i--)
        {
            destination[i] = (byte)(0x80 | (codePoint & 0x3F));
            codePoint >>= 6;
        }
        destination[0] = (byte)((0xF00 >> length) | codePoint);
        return length;
    }
}
