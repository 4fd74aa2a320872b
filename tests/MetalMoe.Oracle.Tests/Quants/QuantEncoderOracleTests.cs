using MetalMoe.Core.Quants;
using MetalMoe.Oracle.Tests.LlamaCpp;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Quants;

public sealed class QuantEncoderOracleTests
{
    private const int Columns = 64 * 1024;

    /// <summary>Distributions that real weights resemble: plain, heavy-tailed, one-sided.</summary>
    private static readonly (string Name, Func<Random, float> Draw)[] Sources =
    [
        ("gauss 0.02", r => 0.02f * Gauss(r)),
        ("gauss 0.0005", r => 0.0005f * Gauss(r)),
        ("laplace 0.05", r => 0.05f * MathF.Log(1 - r.NextSingle()) * (r.Next(2) == 0 ? 1 : -1)),
        ("uniform 1", r => 2 * r.NextSingle() - 1),
        ("gauss 1 + 0.1", r => 1 + 0.1f * Gauss(r)),
    ];

    private static IEnumerable<QuantFormat> BlockFormats =>
        QuantFormats.All.Where(f => QuantFormats.BlockSize(f) > 1);

    [SetUp]
    public void RequirePeer() => Peers.Require();

    /// <summary>
    /// ggml's quantisers weigh large values more or do not search at all, so plain squared
    /// error must not be worse than theirs; one part in a hundred is left for luck.
    /// </summary>
    [TestCaseSource(nameof(BlockFormats))]
    public void The_squared_error_is_no_worse_than_that_of_ggml(QuantFormat format)
    {
        var bytes = new byte[QuantFormats.RowBytes(format, Columns)];
        var values = new float[Columns];
        Assert.Multiple(() =>
        {
            foreach (var (name, draw) in Sources)
            {
                var random = new Random(7);
                float[] x = [.. Enumerable.Range(0, Columns).Select(_ => draw(random))];
                QuantEncoder.EncodeRow(format, x, bytes);
                QuantDecoder.DecodeRow(format, bytes, values);
                double ours = Rmse(x, values);
                Array.Clear(bytes);
                GgmlFormats.Quantize((int)format, x, Columns, bytes);
                QuantDecoder.DecodeRow(format, bytes, values);
                double theirs = Rmse(x, values);
                TestContext.Out.WriteLine(
                    $"{format,-7} {name,-14} ours {ours:E4}  ggml {theirs:E4}  " +
                    $"ratio {ours / theirs:F4}");
                Assert.That(ours / theirs, Is.LessThan(1.01), name);
            }
        });
    }

    private static double Rmse(float[] expected, float[] actual)
    {
        double sum = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double miss = (double)expected[i] - actual[i];
            sum += miss * miss;
        }
        return Math.Sqrt(sum / expected.Length);
    }

    private static float Gauss(Random random) =>
        MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle()))
        * MathF.Cos(2 * MathF.PI * random.NextSingle());
}
