using System.Buffers;
using System.Text;

namespace MetalMoe.Core.Text;

/// <summary>
/// The 256 printable characters in which byte-level vocabularies write bytes: the printable
/// Latin-1 characters stand for themselves, the other 68 bytes for U+0100 and following.
/// </summary>
internal static class ByteAlphabet
{
    private const int Characters = 0x144;
    private static readonly short[] ByteOfCharacter = BuildBytes();

    /// <summary>Translates a token's text to the bytes it stands for.</summary>
    /// <param name="text">Valid UTF-8.</param>
    /// <param name="bytes">At least as long as <paramref name="text"/>.</param>
    /// <param name="written">Bytes written.</param>
    /// <returns>False when the text has a character outside the alphabet.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> bytes, out int written)
    {
        written = 0;
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(text, out Rune rune, out int length) != OperationStatus.Done
                || rune.Value >= Characters || ByteOfCharacter[rune.Value] < 0)
            {
                return false;
            }
            bytes[written++] = (byte)ByteOfCharacter[rune.Value];
            text = text[length..];
        }
        return true;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[Characters];
        Array.Fill(bytes, (short)-1);
        int next = 0x100;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            bytes[printable ? b : next++] = (short)b;
        }
        return bytes;
    }
}
