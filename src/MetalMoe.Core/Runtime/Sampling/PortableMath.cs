namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>
/// Math.Exp is the C library's, and C libraries differ in the last bit; a draw that falls on such
/// a bit would give another text on another machine. This one uses only operations that IEEE 754
/// fixes.
/// </summary>
internal static class PortableMath
{
    private const double Log2E = 1.4426950408889634;

    // ln 2 in two parts: the first has 33 bits, so that a multiple of it is exact.
    private const double Ln2High = 0.693147180369123816490;
    private const double Ln2Low = 1.90821492927058770002e-10;

    /// <summary>e^x for x of at most 0, within 1e-15 of it; 0 below -708.</summary>
    public static double ExpOfNonPositive(double x)
    {
        if (x < -708)
        {
            return 0;
        }
        double k = Math.Round(x * Log2E);
        double r = (x - (k * Ln2High)) - (k * Ln2Low);
        // Taylor's series to r^13 on |r| <= ln(2)/2, where the next term is below 2^-57.
        double sum = 1;
        for (int i = 13; i > 0; i--)
        {
            sum = 1 + (r * sum / i);
        }
        return sum * BitConverter.UInt64BitsToDouble((ulong)(1023 + (long)k) << 52);
    }
}
