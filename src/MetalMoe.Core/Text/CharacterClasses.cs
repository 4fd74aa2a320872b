using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text;

/// <summary>What pre-tokenizers distinguish; at most one bit is set.</summary>
[Flags]
internal enum CharacterClass : byte
{
    Other = 0,
    Letter = 1,
    Number = 2,
    Mark = 4,
    Space = 8,

    /// <summary>Behind the last character.</summary>
    End = 16,
}

/// <summary>
/// The class of a code point in Unicode 15.1. Models were trained with the splitting of their
/// day, so characters that later versions assigned stay unassigned here.
/// </summary>
/// <remarks>Source: Unicode Character Database; llama.cpp classifies by the same version.
/// </remarks>
internal static class CharacterClasses
{
    private const int PageBits = 8;
    private const int PageSize = 1 << PageBits;

    /// <summary>Letters, numbers and marks that .NET 10 knows and Unicode 15.1 did not.</summary>
    private static readonly (int First, int Last)[] AssignedLater =
    [
        (0x897, 0x897), (0x1C89, 0x1C8A), (0xA7CB, 0xA7CD), (0xA7DA, 0xA7DC),
        (0x105C0, 0x105F3), (0x10D40, 0x10D65), (0x10D69, 0x10D6D), (0x10D6F, 0x10D85),
        (0x10EC2, 0x10EC4), (0x10EFC, 0x10EFC), (0x11380, 0x11389), (0x1138B, 0x1138B),
        (0x1138E, 0x1138E), (0x11390, 0x113B5), (0x113B7, 0x113C0), (0x113C2, 0x113C2),
        (0x113C5, 0x113C5), (0x113C7, 0x113CA), (0x113CC, 0x113D3), (0x113E1, 0x113E2),
        (0x116D0, 0x116E3), (0x11BC0, 0x11BE0), (0x11BF0, 0x11BF9), (0x11F5A, 0x11F5A),
        (0x13460, 0x143FA), (0x16100, 0x16139), (0x16D40, 0x16D6C), (0x16D70, 0x16D79),
        (0x18CFF, 0x18CFF), (0x1CCF0, 0x1CCF9), (0x1E5D0, 0x1E5FA),
    ];

    // Built on first use; two threads that race build the same page.
    private static readonly byte[]?[] Pages = new byte[0x110000 >> PageBits][];
    private static readonly byte[] FirstPage = BuildPage(0);

    /// <summary>Class of a code point below U+110000; surrogates count as other.</summary>
    public static CharacterClass Of(int codePoint)
    {
        if (codePoint < PageSize)
        {
            return (CharacterClass)FirstPage[codePoint];
        }
        byte[] page = Pages[codePoint >> PageBits] ??= BuildPage(codePoint >> PageBits);
        return (CharacterClass)page[codePoint & (PageSize - 1)];
    }

    private static byte[] BuildPage(int page)
    {
        var classes = new byte[PageSize];
        for (int i = 0; i < PageSize; i++)
        {
            classes[i] = (byte)Classify((page << PageBits) + i);
        }
        return classes;
    }

    private static CharacterClass Classify(int codePoint)
    {
        if (Rune.IsValid(codePoint) && Rune.IsWhiteSpace(new Rune(codePoint)))
        {
            return CharacterClass.Space;
        }
        var known = CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            <= UnicodeCategory.OtherLetter => CharacterClass.Letter,
            <= UnicodeCategory.EnclosingMark => CharacterClass.Mark,
            <= UnicodeCategory.OtherNumber => CharacterClass.Number,
            _ => CharacterClass.Other,
        };
        if (known != CharacterClass.Other)
        {
            foreach (var (first, last) in AssignedLater)
            {
                if (codePoint >= first && codePoint <= last)
                {
                    return CharacterClass.Other;
                }
            }
        }
        return known;
    }
}
