using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

public sealed class PackedScalesTests
{
    [Test]
    public void Pairs_come_back_as_written()
    {
        var random = new Random(11);
        var packed = new byte[PackedScales.Bytes];
        for (int round = 0; round < 1000; round++)
        {
            int[] scales = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))];
            int[] mins = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))];
            PackedScales.WritePairs(scales, mins, packed);
            for (int j = 0; j < 8; j++)
            {
                Assert.That(PackedScales.ReadPair(packed, j), Is.EqualTo((scales[j], mins[j])));
            }
        }
    }

    [Test]
    public void Signed_scales_come_back_as_written()
    {
        var random = new Random(12);
        var packed = new byte[PackedScales.Bytes];
        for (int round = 0; round < 1000; round++)
        {
            int[] scales = [.. Enumerable.Range(0, 16).Select(_ => random.Next(-32, 32))];
            PackedScales.WriteSigned(scales, packed);
            int[] read = [.. Enumerable.Range(0, 16).Select(
                j => PackedScales.ReadSigned(packed, j))];
            Assert.That(read, Is.EqualTo(scales));
        }
    }

    /// <summary>96 bits hold 96 bits: no two inputs share a packing, so none is wasted.</summary>
    [Test]
    public void Every_packing_is_read_and_written_back_unchanged()
    {
        var random = new Random(13);
        var packed = new byte[PackedScales.Bytes];
        var again = new byte[PackedScales.Bytes];
        for (int round = 0; round < 1000; round++)
        {
            random.NextBytes(packed);
            var pairs = Enumerable.Range(0, 8).Select(j => PackedScales.ReadPair(packed, j));
            PackedScales.WritePairs(
                [.. pairs.Select(p => p.Scale)], [.. pairs.Select(p => p.Min)], again);
            Assert.That(again, Is.EqualTo(packed));
            PackedScales.WriteSigned(
                [.. Enumerable.Range(0, 16).Select(j => PackedScales.ReadSigned(packed, j))],
                again);
            Assert.That(again, Is.EqualTo(packed));
        }
    }
}
