using System.Globalization;
using System.Security.Cryptography;
using MetalMoe.Core.Quants;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>
/// Entry point of this assembly when it is run as a program: computes a fixed set of products and
/// prints the register width in use, the worst error as a fraction of its bound and a hash of all
/// output bits. Tests run it in child processes with parts of the instruction set switched off.
/// </summary>
internal static class LinearProbe
{
    public static int Main()
    {
        var (worst, hash) = Compute();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{LinearKernel.RegisterBits} {worst:R} {hash}"));
        return 0;
    }

    public static (double WorstError, string Hash) Compute()
    {
        double worst = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (QuantFormat format in QuantFormats.All)
        {
            foreach (WeightFill fill in Enum.GetValues<WeightFill>())
            {
                foreach (int tokens in new[] { 1, 5 })
                {
                    int columns = ColumnsOf(format);
                    using var problem = new LinearProblem(format, 5, columns, tokens, 21, fill);
                    float[] y = problem.Multiply();
                    double error = problem.WorstError(y);
                    worst = error <= worst ? worst : error;
                    hash.AppendData(LinearProblem.Bits(y));
                }
            }
        }
        return (worst, Convert.ToHexString(hash.GetHashAndReset()));
    }

    private static int ColumnsOf(QuantFormat format) => QuantFormats.BlockSize(format) switch
    {
        1 => 100,
        32 => 352,
        _ => 768,
    };
}
