namespace MetalMoe.Core.Quants;

/// <summary>
/// The 6-bit scales of the K formats, 12 bytes either way.
/// <code>
/// Q4_K, Q5_K: 8 scales s and 8 minimums m
///   byte 0-3   s[j] | s[j+4]'s upper 2 bits &lt;&lt; 6           j = 0..3
///   byte 4-7   m[j] | m[j+4]'s upper 2 bits &lt;&lt; 6
///   byte 8-11  s[j+4]'s lower 4 bits | m[j+4]'s lower 4 bits &lt;&lt; 4
/// Q3_K: 16 scales, stored + 32
///   byte 0-7   s[j]'s lower 4 bits | s[j+8]'s lower 4 bits &lt;&lt; 4
///   byte 8-11  upper 2 bits of s[j], s[j+4], s[j+8], s[j+12], lowest first   j = 0..3
/// </code>
/// Source: block layouts of <c>ggml-common.h</c>.
/// </summary>
internal static class PackedScales
{
    /// <summary>Bytes of either packing.</summary>
    public const int Bytes = 12;

    /// <summary>Reads scale and minimum of group <paramref name="j"/>, 0 to 7.</summary>
    public static (int Scale, int Min) ReadPair(ReadOnlySpan<byte> packed, int j)
    {
        if (j < 4)
        {
            return (packed[j] & 63, packed[j + 4] & 63);
        }
        return (
            (packed[j + 4] & 0x0F) | (packed[j - 4] >> 6 << 4),
            (packed[j + 4] >> 4) | (packed[j] >> 6 << 4));
    }

    /// <summary>Writes 8 scales and 8 minimums, each 0 to 63.</summary>
    public static void WritePairs(
        ReadOnlySpan<int> scales, ReadOnlySpan<int> mins, Span<byte> packed)
    {
        for (int j = 0; j < 4; j++)
        {
            packed[j] = (byte)(scales[j] | (scales[j + 4] >> 4 << 6));
            packed[j + 4] = (byte)(mins[j] | (mins[j + 4] >> 4 << 6));
            packed[j + 8] = (byte)((scales[j + 4] & 0x0F) | ((mins[j + 4] & 0x0F) << 4));
        }
    }

    /// <summary>Reads scale <paramref name="j"/> of 16; -32 to 31.</summary>
    public static int ReadSigned(ReadOnlySpan<byte> packed, int j)
    {
        int low = j < 8 ? packed[j] & 0x0F : packed[j - 8] >> 4;
        int high = (packed[8 + j % 4] >> (2 * (j / 4))) & 3;
        return (low | (high << 4)) - 32;
    }

    /// <summary>Writes 16 scales, each -32 to 31.</summary>
    public static void WriteSigned(ReadOnlySpan<int> scales, Span<byte> packed)
    {
        packed[..Bytes].Clear();
        for (int j = 0; j < 16; j++)
        {
            int stored = scales[j] + 32;
            packed[j % 8] |= (byte)((stored & 0x0F) << (j < 8 ? 0 : 4));
            packed[8 + j % 4] |= (byte)(stored >> 4 << (2 * (j / 4)));
        }
    }
}
