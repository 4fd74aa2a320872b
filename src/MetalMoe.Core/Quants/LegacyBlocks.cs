using System.Buffers.Binary;

namespace MetalMoe.Core.Quants;

/// <summary>
/// Blocks of 32 values with one binary16 scale d, and in the "_1" formats one binary16 offset m.
/// <code>
/// Q4_0  18 bytes  0 d   2 q[16]                   x = (q - 8) d
/// Q4_1  20 bytes  0 d   2 m   4 q[16]             x = q d + m
/// Q5_0  22 bytes  0 d   2 high[4]   6 q[16]       x = (q - 16) d
/// Q5_1  24 bytes  0 d   2 m   4 high[4]   8 q[16] x = q d + m
/// Q8_0  34 bytes  0 d   2 q[32], signed bytes     x = q d
/// </code>
/// Byte i of q[16] holds value i in its low nibble and value i + 16 in its high nibble; bit i of
/// high[4], read as one little-endian word, is the fifth bit of value i.
/// Source: the GGUF specification; block layouts of <c>ggml-common.h</c>.
/// </summary>
internal static class LegacyBlocks
{
    /// <summary>Values in a block.</summary>
    public const int Size = 32;

    private const int Half = Size / 2;

    public static void DecodeQ4_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        ReadOnlySpan<byte> q = block.Slice(2, Half);
        for (int i = 0; i < Half; i++)
        {
            values[i] = ((q[i] & 0x0F) - 8) * d;
            values[i + Half] = ((q[i] >> 4) - 8) * d;
        }
    }

    public static void DecodeQ4_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        float m = Floats.ReadHalf(block[2..]);
        ReadOnlySpan<byte> q = block.Slice(4, Half);
        for (int i = 0; i < Half; i++)
        {
            values[i] = (q[i] & 0x0F) * d + m;
            values[i + Half] = (q[i] >> 4) * d + m;
        }
    }

    public static void DecodeQ5_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        ReadOnlySpan<byte> q = block.Slice(6, Half);
        for (int i = 0; i < Half; i++)
        {
            values[i] = (((q[i] & 0x0F) | FifthBit(high, i)) - 16) * d;
            values[i + Half] = (((q[i] >> 4) | FifthBit(high, i + Half)) - 16) * d;
        }
    }

    public static void DecodeQ5_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        float m = Floats.ReadHalf(block[2..]);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        ReadOnlySpan<byte> q = block.Slice(8, Half);
        for (int i = 0; i < Half; i++)
        {
            values[i] = ((q[i] & 0x0F) | FifthBit(high, i)) * d + m;
            values[i + Half] = ((q[i] >> 4) | FifthBit(high, i + Half)) * d + m;
        }
    }

    public static void DecodeQ8_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = Floats.ReadHalf(block);
        ReadOnlySpan<byte> q = block.Slice(2, Size);
        for (int i = 0; i < Size; i++)
        {
            values[i] = (sbyte)q[i] * d;
        }
    }

    private static int FifthBit(uint high, int i) => (int)((high >> i) & 1) << 4;
}
