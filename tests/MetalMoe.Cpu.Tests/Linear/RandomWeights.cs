using MetalMoe.Core.Quants;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>How the bytes of test blocks are chosen.</summary>
public enum WeightFill
{
    /// <summary>Random codes, ordinary scales.</summary>
    Ordinary,

    /// <summary>Codes and sub-scales of the largest magnitude, all of one sign.</summary>
    Extreme,

    /// <summary>Random codes, scales that are denormal in binary16.</summary>
    DenormalScales,

    /// <summary>All scales and minimums zero.</summary>
    ZeroScales,
}

/// <summary>Random blocks of every format with finite scales.</summary>
internal static class RandomWeights
{
    public static byte[] Create(
        QuantFormat format, int rows, int columns, int seed, WeightFill fill)
    {
        var random = new Random(seed);
        var bytes = new byte[rows * QuantFormats.RowBytes(format, columns)];
        random.NextBytes(bytes);
        int blockBytes = QuantFormats.BlockBytes(format);
        for (int at = 0; at < bytes.Length; at += blockBytes)
        {
            Finish(format, bytes.AsSpan(at, blockBytes), random, fill);
        }
        return bytes;
    }

    /// <summary>Sets the minimum (or offset) scale to zero; false if the format has none.</summary>
    public static bool RemoveMinimums(QuantFormat format, byte[] bytes)
    {
        int offset = MinimumOffset(format);
        if (offset < 0)
        {
            return false;
        }
        for (int at = offset; at < bytes.Length; at += QuantFormats.BlockBytes(format))
        {
            bytes[at] = 0;
            bytes[at + 1] = 0;
        }
        return true;
    }

    private static void Finish(
        QuantFormat format, Span<byte> block, Random random, WeightFill fill)
    {
        float scale = fill == WeightFill.ZeroScales ? 0f : Scale(random, fill);
        float minimum = fill == WeightFill.ZeroScales ? 0f : Scale(random, fill);
        switch (format)
        {
            case QuantFormat.F32:
                BitConverter.TryWriteBytes(block, scale * 30 * (random.NextSingle() - 0.5f));
                return;
            case QuantFormat.F16:
                BitConverter.TryWriteBytes(
                    block, (Half)(scale * 30 * (random.NextSingle() - 0.5f)));
                return;
            case QuantFormat.BF16:
                float value = scale * 30 * (random.NextSingle() - 0.5f);
                uint bits = BitConverter.SingleToUInt32Bits(value) >> 16;
                BitConverter.TryWriteBytes(block, (ushort)bits);
                return;
            case QuantFormat.MXFP4:
                MakeExtreme(format, block, fill);
                block[0] = fill switch
                {
                    WeightFill.DenormalScales => (byte)random.Next(0, 3),
                    WeightFill.ZeroScales => 0,
                    _ => (byte)random.Next(118, 128),
                };
                return;
        }
        MakeExtreme(format, block, fill);
        bool signed = format is QuantFormat.Q4_0 or QuantFormat.Q5_0 or QuantFormat.Q3_K
            or QuantFormat.IQ4_NL or QuantFormat.IQ4_XS;
        if (signed && fill == WeightFill.Ordinary && random.Next(2) == 0)
        {
            scale = -scale;
        }
        BitConverter.TryWriteBytes(block[ScaleOffset(format)..], (Half)scale);
        int offset = MinimumOffset(format);
        if (offset >= 0)
        {
            BitConverter.TryWriteBytes(block[offset..], (Half)minimum);
        }
    }

    private static float Scale(Random random, WeightFill fill) => fill switch
    {
        WeightFill.DenormalScales => (float)Math.Pow(2, -24) * random.Next(1, 1000),
        WeightFill.Extreme => 1f,
        _ => 0.001f + (0.05f * random.NextSingle()),
    };

    private static void MakeExtreme(QuantFormat format, Span<byte> block, WeightFill fill)
    {
        if (fill != WeightFill.Extreme)
        {
            return;
        }
        // The byte that, repeated, gives the code of largest magnitude.
        block.Fill(format switch
        {
            QuantFormat.Q8_0 => 0x80,
            QuantFormat.Q4_0 or QuantFormat.Q5_0 or QuantFormat.Q3_K or QuantFormat.Q6_K => 0,
            QuantFormat.IQ4_NL or QuantFormat.IQ4_XS => 0,
            QuantFormat.MXFP4 => 0x77,
            _ => 0xff,
        });
        if (format == QuantFormat.Q6_K)
        {
            // Code 0 is -32; sub-scale -128.
            block.Slice(192, 16).Fill(0x80);
        }
    }

    private static int ScaleOffset(QuantFormat format) => format switch
    {
        QuantFormat.Q2_K => 80,
        QuantFormat.Q3_K => 108,
        QuantFormat.Q6_K => 208,
        _ => 0,
    };

    private static int MinimumOffset(QuantFormat format) => format switch
    {
        QuantFormat.Q4_1 or QuantFormat.Q5_1 or QuantFormat.Q4_K or QuantFormat.Q5_K => 2,
        QuantFormat.Q2_K => 82,
        _ => -1,
    };
}
