namespace MetalMoe.Core.Quants;

/// <summary>
/// Writes the super-blocks that <see cref="KBlocks"/> reads, in three steps: search each group's
/// own scale (and minimum), express them as small integers of one binary16 scale, and round the
/// values against the scales that will be read back. The integers are tried one up and one down
/// as well, because rounding a scale moves the best one.
/// </summary>
internal static class KBlockEncoder
{
    private const int Size = KBlocks.Size;

    public static void EncodeQ2_K(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<int> scales = stackalloc int[16];
        Span<int> mins = stackalloc int[16];
        Span<byte> q = stackalloc byte[Size];
        EncodeAffine(
            values, new AffineShape(Top: 3, ScaleTop: 15), block.Slice(80, 4), scales, mins, q);
        for (int group = 0; group < 16; group++)
        {
            block[group] = (byte)(scales[group] | (mins[group] << 4));
        }
        PackTwoBits(q, block.Slice(16, 64));
    }

    public static void EncodeQ3_K(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<int> scales = stackalloc int[16];
        Span<byte> q = stackalloc byte[Size];
        EncodeSymmetric(
            values, new SymmetricShape(Levels: 4, ScaleLevels: 32), block[108..], scales, q);
        PackedScales.WriteSigned(scales, block.Slice(96, PackedScales.Bytes));
        PackHighBits(q, 2, block[..32]);
        PackTwoBits(q, block.Slice(32, 64));
    }

    public static void EncodeQ4_K(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<int> scales = stackalloc int[8];
        Span<int> mins = stackalloc int[8];
        Span<byte> q = stackalloc byte[Size];
        EncodeAffine(
            values, new AffineShape(Top: 15, ScaleTop: 63), block[..4], scales, mins, q);
        PackedScales.WritePairs(scales, mins, block.Slice(4, PackedScales.Bytes));
        PackNibbles(q, block[16..]);
    }

    public static void EncodeQ5_K(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<int> scales = stackalloc int[8];
        Span<int> mins = stackalloc int[8];
        Span<byte> q = stackalloc byte[Size];
        EncodeAffine(
            values, new AffineShape(Top: 31, ScaleTop: 63), block[..4], scales, mins, q);
        PackedScales.WritePairs(scales, mins, block.Slice(4, PackedScales.Bytes));
        PackHighBits(q, 4, block.Slice(16, 32));
        PackNibbles(q, block[48..]);
    }

    public static void EncodeQ6_K(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<int> scales = stackalloc int[16];
        Span<byte> q = stackalloc byte[Size];
        EncodeSymmetric(
            values, new SymmetricShape(Levels: 32, ScaleLevels: 128), block[208..], scales, q);
        block[..192].Clear();
        for (int group = 0; group < 16; group++)
        {
            block[192 + group] = (byte)scales[group];
            for (int l = 0; l < 16; l++)
            {
                int level = q[16 * group + l];
                block[KBlocks.SixBitByte(group) + l] |=
                    (byte)((level & 0x0F) << KBlocks.SixBitShift(group));
                block[128 + KBlocks.TwoBitByte(group) + l] |=
                    (byte)(level >> 4 << KBlocks.TwoBitShift(group));
            }
        }
    }

    private static void EncodeSymmetric(
        ReadOnlySpan<float> values, SymmetricShape shape, Span<byte> scaleBytes,
        Span<int> scales, Span<byte> q)
    {
        int size = Size / scales.Length;
        Span<float> wanted = stackalloc float[scales.Length];
        for (int group = 0; group < wanted.Length; group++)
        {
            wanted[group] = ScaleSearch.Symmetric(
                values.Slice(size * group, size), shape.Levels);
        }
        // The largest scale takes the one integer more that the negative side has.
        float d = Floats.WriteHalf(scaleBytes, -ScaleSearch.Peak(wanted) / shape.ScaleLevels);
        for (int group = 0; group < wanted.Length; group++)
        {
            ReadOnlySpan<float> x = values.Slice(size * group, size);
            scales[group] = BestSymmetricScale(x, shape, d, wanted[group]);
            float scale = d * scales[group];
            for (int l = 0; l < size; l++)
            {
                q[size * group + l] = (byte)(shape.Quantize(x[l], scale) + shape.Levels);
            }
        }
    }

    private static int BestSymmetricScale(
        ReadOnlySpan<float> x, SymmetricShape shape, float d, float wanted)
    {
        int lowest = -shape.ScaleLevels;
        int highest = shape.ScaleLevels - 1;
        int middle = d == 0 ? 0 : ScaleSearch.Nearest(wanted / d, lowest, highest);
        int best = middle;
        double bestError = double.PositiveInfinity;
        int last = Math.Min(middle + 1, highest);
        for (int candidate = Math.Max(middle - 1, lowest); candidate <= last; candidate++)
        {
            float scale = d * candidate;
            double error = 0;
            foreach (float value in x)
            {
                double miss = (double)scale * shape.Quantize(value, scale) - value;
                error += miss * miss;
            }
            if (error < bestError)
            {
                best = candidate;
                bestError = error;
            }
        }
        return best;
    }

    private static void EncodeAffine(
        ReadOnlySpan<float> values, AffineShape shape, Span<byte> scaleBytes,
        Span<int> scales, Span<int> mins, Span<byte> q)
    {
        int size = Size / scales.Length;
        Span<float> wantedScales = stackalloc float[scales.Length];
        Span<float> wantedMins = stackalloc float[scales.Length];
        for (int group = 0; group < scales.Length; group++)
        {
            var (scale, offset) = ScaleSearch.Affine(
                values.Slice(size * group, size), shape.Top, anyOffset: false);
            wantedScales[group] = scale;
            wantedMins[group] = -offset;
        }
        float d = Floats.WriteHalf(scaleBytes, ScaleSearch.Peak(wantedScales) / shape.ScaleTop);
        float dmin = Floats.WriteHalf(
            scaleBytes[2..], ScaleSearch.Peak(wantedMins) / shape.ScaleTop);
        for (int group = 0; group < scales.Length; group++)
        {
            ReadOnlySpan<float> x = values.Slice(size * group, size);
            int s = d == 0 ? 0 : ScaleSearch.Nearest(wantedScales[group] / d, 0, shape.ScaleTop);
            int m = dmin == 0
                ? 0
                : ScaleSearch.Nearest(wantedMins[group] / dmin, 0, shape.ScaleTop);
            (scales[group], mins[group]) = BestAffineScale(x, shape, d, dmin, (s, m));
            float scale = d * scales[group];
            float min = dmin * mins[group];
            for (int l = 0; l < size; l++)
            {
                q[size * group + l] = (byte)shape.Quantize(x[l], scale, min);
            }
        }
    }

    private static (int Scale, int Min) BestAffineScale(
        ReadOnlySpan<float> x, AffineShape shape, float d, float dmin, (int S, int M) middle)
    {
        var best = middle;
        double bestError = double.PositiveInfinity;
        for (int s = middle.S - 1; s <= middle.S + 1; s++)
        {
            for (int m = middle.M - 1; m <= middle.M + 1; m++)
            {
                if (s < 0 || m < 0 || s > shape.ScaleTop || m > shape.ScaleTop)
                {
                    continue;
                }
                double error = shape.SquaredError(x, d * s, dmin * m);
                if (error < bestError)
                {
                    best = (s, m);
                    bestError = error;
                }
            }
        }
        return best;
    }

    /// <summary>Byte l of each half's 32 takes values l, l + 32, l + 64 and l + 96.</summary>
    private static void PackTwoBits(ReadOnlySpan<byte> q, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < Size; i++)
        {
            packed[32 * (i / 128) + i % 32] |= (byte)((q[i] & 3) << (2 * (i % 128 / 32)));
        }
    }

    /// <summary>Byte l of each quarter's 32 takes values l and l + 32.</summary>
    private static void PackNibbles(ReadOnlySpan<byte> q, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < Size; i++)
        {
            packed[32 * (i / 64) + i % 32] |= (byte)((q[i] & 0x0F) << (4 * (i % 64 / 32)));
        }
    }

    /// <summary>Bit k of byte l takes one bit of value 32 k + l.</summary>
    private static void PackHighBits(ReadOnlySpan<byte> q, int bit, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < Size; i++)
        {
            packed[i % 32] |= (byte)(((q[i] >> bit) & 1) << (i / 32));
        }
    }

    /// <summary>Quants of [-Levels, Levels) under scales of [-ScaleLevels, ScaleLevels).</summary>
    private readonly record struct SymmetricShape(int Levels, int ScaleLevels)
    {
        public int Quantize(float value, float scale) =>
            scale == 0 ? 0 : ScaleSearch.Nearest(value / scale, -Levels, Levels - 1);
    }

    /// <summary>Quants of [0, Top] under scales and minimums of [0, ScaleTop].</summary>
    private readonly record struct AffineShape(int Top, int ScaleTop)
    {
        public int Quantize(float value, float scale, float min) =>
            scale == 0 ? 0 : ScaleSearch.Nearest((value + min) / scale, 0, Top);

        public double SquaredError(ReadOnlySpan<float> x, float scale, float min)
        {
            double error = 0;
            foreach (float value in x)
            {
                double miss = (double)scale * Quantize(value, scale, min) - min - value;
                error += miss * miss;
            }
            return error;
        }
    }
}
