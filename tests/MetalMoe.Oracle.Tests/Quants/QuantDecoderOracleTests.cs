using System.Runtime.InteropServices;
using MetalMoe.Core.Quants;
using MetalMoe.Oracle.Tests.LlamaCpp;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Quants;

public sealed class QuantDecoderOracleTests
{
    /// <summary>ggml has no decoder for F32.</summary>
    private static IEnumerable<QuantFormat> FormatsWithADecoder =>
        QuantFormats.All.Where(f => f != QuantFormat.F32);

    [SetUp]
    public void RequirePeer() => Peers.Require();

    [TestCaseSource(typeof(QuantFormats), nameof(QuantFormats.All))]
    public void Block_geometry_is_that_of_ggml(QuantFormat format) =>
        Assert.That(
            (QuantFormats.BlockSize(format), QuantFormats.BlockBytes(format)),
            Is.EqualTo(
                (GgmlFormats.BlockSize((int)format), GgmlFormats.BlockBytes((int)format))));

    /// <summary>
    /// Random bytes reach every scale, NaN and infinity included: arithmetic is compared bit
    /// for bit, and where ggml gives a NaN we must too, its payload being no part of the format.
    /// </summary>
    [TestCaseSource(nameof(FormatsWithADecoder))]
    public void Random_blocks_decode_to_the_same_bits_as_ggml(QuantFormat format)
    {
        if (HasMinimum(format) && RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            Assert.Ignore("compilers for other processors fuse ggml's multiply and add");
        }
        const int rows = 32;
        int blocks = QuantFormats.BlockSize(format) == 256 ? 1024 : 8192;
        int columns = blocks * QuantFormats.BlockSize(format);
        var source = new byte[QuantFormats.RowBytes(format, columns)];
        var ours = new float[columns];
        var theirs = new float[columns];
        var random = new Random(20_000 + (int)format);
        for (int row = 0; row < rows; row++)
        {
            random.NextBytes(source);
            Array.Fill(ours, float.NaN);
            GgmlFormats.ToFloat((int)format, source, theirs);
            QuantDecoder.DecodeRow(format, source, ours);
            Assert.That(FirstDifference(ours, theirs), Is.EqualTo(-1), $"row {row}");
        }
        TestContext.Out.WriteLine($"{format}: {rows * blocks} blocks equal");
    }

    [TestCase(QuantFormat.F16)]
    [TestCase(QuantFormat.BF16)]
    public void Every_16_bit_pattern_decodes_to_the_same_bits_as_ggml(QuantFormat format)
    {
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        byte[] source = MemoryMarshal.AsBytes<ushort>(patterns).ToArray();
        var ours = new float[65536];
        var theirs = new float[65536];
        GgmlFormats.ToFloat((int)format, source, theirs);
        QuantDecoder.DecodeRow(format, source, ours);
        Assert.That(FirstDifference(ours, theirs), Is.EqualTo(-1));
    }

    private static bool HasMinimum(QuantFormat format) => format
        is QuantFormat.Q4_1 or QuantFormat.Q5_1
        or QuantFormat.Q2_K or QuantFormat.Q4_K or QuantFormat.Q5_K;

    private static int FirstDifference(float[] ours, float[] theirs)
    {
        for (int i = 0; i < ours.Length; i++)
        {
            bool bothNaN = float.IsNaN(ours[i]) && float.IsNaN(theirs[i]);
            if (!bothNaN && BitConverter.SingleToInt32Bits(ours[i])
                != BitConverter.SingleToInt32Bits(theirs[i]))
            {
                return i;
            }
        }
        return -1;
    }
}
