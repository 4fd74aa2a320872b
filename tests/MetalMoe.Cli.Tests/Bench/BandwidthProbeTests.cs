using MetalMoe.Cli.Bench;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

public sealed class BandwidthProbeTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void A_plausible_bandwidth_is_measured(int threads)
    {
        double gbps = BandwidthProbe.Measure(threads, byteCount: 32 << 20);

        // A busy old laptop still reads 0.1 GB/s; no machine's caches give a thread 1 TB/s.
        TestContext.Out.WriteLine($"{threads} threads: {gbps:f1} GB/s");
        Assert.That(gbps, Is.InRange(0.1, 1000.0 * threads));
    }

    [TestCase(1)]
    [TestCase(4)]
    public void Every_byte_of_the_buffer_is_read(int streams)
    {
        var bytes = new byte[4 * 4 * 64 * 3];
        for (int i = 0; i < bytes.Length; i += sizeof(ulong))
        {
            bytes[i] = (byte)(i / sizeof(ulong));
        }
        long expected = Enumerable.Range(0, bytes.Length / sizeof(ulong)).Sum(i => (long)(byte)i);

        Assert.That(BandwidthProbe.Read(bytes, streams), Is.EqualTo(expected));
    }

    [Test]
    public void Impossible_arguments_are_refused()
    {
        Assert.That(
            () => BandwidthProbe.Measure(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => BandwidthProbe.Measure(1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
