using System.Buffers.Binary;

namespace MetalMoe.Core.Quants;

/// <summary>Writes the blocks that <see cref="TableBlocks"/> reads.</summary>
internal static class TableBlockEncoder
{
    private const int RunSize = TableBlocks.RunSize;
    private const int Half = RunSize / 2;
    private const int ScaleLevels = 32;
    private const int FanSteps = 7;
    private const int Refinements = 4;

    public static void EncodeIQ4_NL(ReadOnlySpan<float> values, Span<byte> block)
    {
        float d = Floats.WriteHalf(block, SearchScale(values));
        EncodeRun(values, d, TableBlocks.NonLinear, block.Slice(2, Half));
    }

    public static void EncodeIQ4_XS(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<float> wanted = stackalloc float[8];
        for (int group = 0; group < 8; group++)
        {
            wanted[group] = SearchScale(values.Slice(RunSize * group, RunSize));
        }
        float d = Floats.WriteHalf(block, -ScaleSearch.Peak(wanted) / ScaleLevels);
        block[2..8].Clear();
        int high = 0;
        for (int group = 0; group < 8; group++)
        {
            ReadOnlySpan<float> x = values.Slice(RunSize * group, RunSize);
            int scale = BestGroupScale(x, d, wanted[group]);
            int stored = scale + ScaleLevels;
            high |= stored >> 4 << (2 * group);
            block[4 + group / 2] |= (byte)((stored & 0x0F) << (4 * (group % 2)));
            Span<byte> q = block.Slice(8 + Half * group, Half);
            EncodeRun(x, d * scale, TableBlocks.NonLinear, q);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(block[2..], (ushort)high);
    }

    /// <summary>
    /// E2M1 reaches 6 = 1.5 * 2^2, so the peak's own power of two less two never saturates by
    /// more than a third; the next one never saturates but is coarser. The better of both wins.
    /// </summary>
    public static void EncodeMXFP4(ReadOnlySpan<float> values, Span<byte> block)
    {
        float peak = Math.Abs(ScaleSearch.Peak(values));
        int exponent = peak == 0 ? 0 : Math.Clamp(Math.ILogB(peak) - 2 + 127, 0, 253);
        ReadOnlySpan<sbyte> table = TableBlocks.DoubledE2M1;
        double fine = SquaredError(values, TableBlocks.HalfOfE8M0((byte)exponent), table);
        double coarse = SquaredError(values, TableBlocks.HalfOfE8M0((byte)(exponent + 1)), table);
        block[0] = (byte)(coarse < fine ? exponent + 1 : exponent);
        EncodeRun(values, TableBlocks.HalfOfE8M0(block[0]), table, block.Slice(1, Half));
    }

    /// <summary>
    /// The scale that best stores x with the non-linear table, searched as
    /// <see cref="ScaleSearch"/> does: a fan of scales that put the peak near either end of the
    /// table, then alternating fits.
    /// </summary>
    private static float SearchScale(ReadOnlySpan<float> x)
    {
        ReadOnlySpan<sbyte> table = TableBlocks.NonLinear;
        float peak = ScaleSearch.Peak(x);
        if (peak == 0)
        {
            return 0;
        }
        double scale = 0;
        double gain = 0;
        for (int step = -FanSteps; step <= FanSteps; step++)
        {
            Fit(x, (table[0] + step) / (double)peak, ref scale, ref gain);
            Fit(x, (table[^1] + step) / (double)peak, ref scale, ref gain);
        }
        for (int i = 0; i < Refinements; i++)
        {
            if (!Fit(x, 1 / scale, ref scale, ref gain))
            {
                break;
            }
        }
        return (float)scale;
    }

    private static bool Fit(
        ReadOnlySpan<float> x, double inverse, ref double scale, ref double gain)
    {
        double sumXQ = 0;
        double sumQQ = 0;
        foreach (float value in x)
        {
            double q = TableBlocks.NonLinear[NearestNonLinear(value * inverse)];
            sumXQ += value * q;
            sumQQ += q * q;
        }
        if (sumXQ * sumXQ / sumQQ <= gain)
        {
            return false;
        }
        gain = sumXQ * sumXQ / sumQQ;
        scale = sumXQ / sumQQ;
        return true;
    }

    private static int BestGroupScale(ReadOnlySpan<float> x, float d, float wanted)
    {
        if (d == 0)
        {
            return 0;
        }
        int middle = ScaleSearch.Nearest(wanted / d, -ScaleLevels, ScaleLevels - 1);
        int best = middle;
        double bestError = double.PositiveInfinity;
        int last = Math.Min(middle + 1, ScaleLevels - 1);
        for (int scale = Math.Max(middle - 1, -ScaleLevels); scale <= last; scale++)
        {
            double error = SquaredError(x, d * scale, TableBlocks.NonLinear);
            if (error < bestError)
            {
                best = scale;
                bestError = error;
            }
        }
        return best;
    }

    private static double SquaredError(
        ReadOnlySpan<float> x, float scale, ReadOnlySpan<sbyte> table)
    {
        double error = 0;
        foreach (float value in x)
        {
            double miss = (double)scale * table[Index(value, scale, table)] - value;
            error += miss * miss;
        }
        return error;
    }

    private static void EncodeRun(
        ReadOnlySpan<float> x, float scale, ReadOnlySpan<sbyte> table, Span<byte> q)
    {
        for (int i = 0; i < Half; i++)
        {
            int low = Index(x[i], scale, table);
            int high = Index(x[i + Half], scale, table);
            q[i] = (byte)(low | (high << 4));
        }
    }

    /// <summary>The first of the table's nearest entries.</summary>
    private static int Index(float value, float scale, ReadOnlySpan<sbyte> table)
    {
        if (scale == 0)
        {
            return 0;
        }
        double target = (double)value / scale;
        int best = 0;
        for (int i = 1; i < table.Length; i++)
        {
            if (Math.Abs(table[i] - target) < Math.Abs(table[best] - target))
            {
                best = i;
            }
        }
        return best;
    }

    /// <summary>The nearest entry of the ascending table, by bisection.</summary>
    private static int NearestNonLinear(double target)
    {
        ReadOnlySpan<sbyte> table = TableBlocks.NonLinear;
        int low = 0;
        int high = table.Length - 1;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            if (table[middle] <= target)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }
        return target - table[low] <= table[high] - target ? low : high;
    }
}
