using System.Text;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>What a text must show before its grammar begins to rule, such as
/// <c>&lt;/think&gt;</c>.</summary>
public sealed class GrammarTrigger
{
    private GrammarTrigger(int? token, byte[] text)
    {
        Token = token;
        Text = text;
    }

    internal int? Token { get; }

    internal byte[] Text { get; }

    /// <summary>The grammar begins behind this token.</summary>
    public static GrammarTrigger After(int token)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        return new GrammarTrigger(token, []);
    }

    /// <summary>The grammar begins behind the first occurrence of this text, even inside a token.
    /// </summary>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    public static GrammarTrigger After(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return new GrammarTrigger(null, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>As <see cref="After(string)"/>; where the text names a control token, which adds
    /// no bytes, as <see cref="After(int)"/>.</summary>
    public static GrammarTrigger After(string text, Vocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        return vocabulary.FindText(text) is { } token
            && vocabulary.KindOf(token) == TokenKind.Control ? After(token) : After(text);
    }

    /// <summary>Bytes of the trigger that a text ends with, after one more byte.</summary>
    internal int Advance(int matched, byte value)
    {
        while (true)
        {
            if (Text[matched] == value)
            {
                return matched + 1;
            }
            if (matched == 0)
            {
                return 0;
            }
            matched = LongestBorder(matched);
        }
    }

    /// <summary>Longest proper prefix of the first bytes that is their suffix too.</summary>
    private int LongestBorder(int length)
    {
        var head = Text.AsSpan(0, length);
        int border = length - 1;
        while (!head.EndsWith(head[..border]))
        {
            border--;
        }
        return border;
    }
}
