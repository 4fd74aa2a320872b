namespace MetalMoe.Core.Quants;

/// <summary>
/// Finds the scale (and minimum) with which a few values are best stored as small integers.
/// For given integers the best scale is a linear least-squares fit, and for a given scale the
/// best integers are the nearest ones; alternating the two only descends to the local optimum it
/// starts from, so the searches start from a fan of scales around the one that just covers the
/// values. Sums are double: values of any float32 size can be squared without overflow.
/// </summary>
internal static class ScaleSearch
{
    private const int FanSteps = 10;
    private const double FanStep = 0.1;
    private const int Refinements = 4;

    /// <summary>
    /// The scale s that best stores x as s q with integers -levels &lt;= q &lt; levels. The
    /// range has one more negative than positive integer, so s is often negative: that puts the
    /// value of largest magnitude on the longer side. Zero when all values are.
    /// </summary>
    public static float Symmetric(ReadOnlySpan<float> x, int levels)
    {
        float peak = Peak(x);
        if (peak == 0)
        {
            return 0;
        }
        double bestGain = 0;
        double bestScale = 0;
        for (int step = -FanSteps; step <= FanSteps; step++)
        {
            double inverse = -(levels + FanStep * step) / peak;
            Fit(x, levels, inverse, ref bestScale, ref bestGain);
            Fit(x, levels, -inverse, ref bestScale, ref bestGain);
        }
        for (int i = 0; i < Refinements; i++)
        {
            if (!Fit(x, levels, 1 / bestScale, ref bestScale, ref bestGain))
            {
                break;
            }
        }
        return (float)bestScale;
    }

    /// <summary>
    /// The scale s >= 0 and offset o that best store x as s q + o with 0 &lt;= q &lt;= top.
    /// </summary>
    /// <param name="x">The values.</param>
    /// <param name="top">The largest integer.</param>
    /// <param name="anyOffset">False where the format can only store offsets o &lt;= 0.</param>
    public static (float Scale, float Offset) Affine(
        ReadOnlySpan<float> x, int top, bool anyOffset)
    {
        var (min, max) = Range(x);
        if (!anyOffset)
        {
            min = Math.Min(min, 0);
        }
        double span = (double)max - min;
        if (span <= 0)
        {
            return (0, min);
        }
        var best = new AffineFit(span / top, min, double.PositiveInfinity);
        for (int step = -FanSteps; step <= FanSteps; step++)
        {
            double scale = span / (top + FanStep * step);
            Fit(x, top, anyOffset, scale, min, ref best);
        }
        for (int i = 0; i < Refinements; i++)
        {
            if (!Fit(x, top, anyOffset, best.Scale, best.Offset, ref best))
            {
                break;
            }
        }
        return ((float)best.Scale, (float)best.Offset);
    }

    /// <summary>The value of largest magnitude, with its sign.</summary>
    public static float Peak(ReadOnlySpan<float> x)
    {
        float peak = 0;
        foreach (float value in x)
        {
            if (Math.Abs(value) > Math.Abs(peak))
            {
                peak = value;
            }
        }
        return peak;
    }

    /// <summary>The nearest integer, ties to even, held within the two bounds.</summary>
    public static int Nearest(double value, int lowest, int highest) =>
        (int)Math.Clamp(Math.Round(value), lowest, highest);

    /// <summary>Smallest and largest value.</summary>
    private static (float Min, float Max) Range(ReadOnlySpan<float> x)
    {
        float min = x[0];
        float max = x[0];
        foreach (float value in x)
        {
            min = Math.Min(min, value);
            max = Math.Max(max, value);
        }
        return (min, max);
    }

    /// <summary>
    /// Rounds x * inverse to integers and fits the scale to them. With the fitted scale the
    /// squared error is sum x^2 - gain, so the larger gain wins; true when it beats the best.
    /// </summary>
    private static bool Fit(
        ReadOnlySpan<float> x, int levels, double inverse, ref double scale, ref double gain)
    {
        double sumXQ = 0;
        double sumQQ = 0;
        foreach (float value in x)
        {
            double q = Math.Clamp(Math.Round(value * inverse), -levels, levels - 1);
            sumXQ += value * q;
            sumQQ += q * q;
        }
        if (sumQQ == 0 || sumXQ * sumXQ / sumQQ <= gain)
        {
            return false;
        }
        gain = sumXQ * sumXQ / sumQQ;
        scale = sumXQ / sumQQ;
        return true;
    }

    private static bool Fit(
        ReadOnlySpan<float> x, int top, bool anyOffset, double scale, double offset,
        ref AffineFit best)
    {
        double inverse = 1 / scale;
        double sumX = 0, sumXX = 0, sumQ = 0, sumQQ = 0, sumXQ = 0;
        foreach (float value in x)
        {
            double q = Math.Clamp(Math.Round((value - offset) * inverse), 0, top);
            sumX += value;
            sumXX += (double)value * value;
            sumQ += q;
            sumQQ += q * q;
            sumXQ += value * q;
        }
        double determinant = x.Length * sumQQ - sumQ * sumQ;
        if (determinant <= 0)
        {
            return false;
        }
        double fittedScale = (x.Length * sumXQ - sumX * sumQ) / determinant;
        double fittedOffset = (sumX * sumQQ - sumQ * sumXQ) / determinant;
        if (!anyOffset && fittedOffset > 0)
        {
            fittedOffset = 0;
            fittedScale = sumXQ / sumQQ;
        }
        double error = sumXX - fittedScale * sumXQ - fittedOffset * sumX;
        if (fittedScale <= 0 || error >= best.Error)
        {
            return false;
        }
        best = new AffineFit(fittedScale, fittedOffset, error);
        return true;
    }

    private readonly record struct AffineFit(double Scale, double Offset, double Error);
}
