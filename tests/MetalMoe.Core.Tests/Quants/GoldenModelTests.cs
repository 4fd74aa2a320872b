using System.Security.Cryptography;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

public sealed class GoldenModelTests
{
    /// <summary>The digest of the file as it left training, before the delta existed.</summary>
    private const string PublishedDigest =
        "0aa8bfd5335dd2220cccab799ca9fc9b27a726d0abcfded6009169a035f2ff09";

    [Test]
    public void The_bf16_model_is_rebuilt_byte_for_byte()
    {
        string path = GoldenModel.Rebuild();
        byte[] digest = SHA256.HashData(File.ReadAllBytes(path));
        Assert.That(Convert.ToHexStringLower(digest), Is.EqualTo(PublishedDigest));
    }

    [Test]
    public void The_line_of_bf16_patterns_is_ordered_and_reversible()
    {
        for (int place = 0; place < 65536; place++)
        {
            ushort bits = GoldenModel.FromLine((ushort)place);
            Assert.That(GoldenModel.ToLine(bits), Is.EqualTo(place));
        }
        Assert.That(GoldenModel.ToLine(0x8000) + 1, Is.EqualTo(GoldenModel.ToLine(0)));
        Assert.That(GoldenModel.ToLine(0xBF80), Is.LessThan(GoldenModel.ToLine(0x3F80)));
    }

    [Test]
    public void A_wrong_base_file_is_refused_by_its_digest()
    {
        byte[] delta = File.ReadAllBytes(GoldenModel.DeltaPath);
        Assert.That(
            () => GoldenModel.Apply([1, 2, 3], delta),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains("base"));
    }

    /// <summary>
    /// How the committed delta was made: put the BF16 original into the environment variable
    /// METALMOE_BF16_ORIGINAL and run this test by name. It takes a minute or two.
    /// </summary>
    [Test]
    [Explicit("writes tests/data/tiny-qwen35moe-bf16.delta from the original file")]
    public void Write_the_delta()
    {
        string? original = Environment.GetEnvironmentVariable("METALMOE_BF16_ORIGINAL");
        if (original is null)
        {
            Assert.Ignore("METALMOE_BF16_ORIGINAL is not set");
        }
        byte[] target = File.ReadAllBytes(original);
        byte[] baseFile = File.ReadAllBytes(GoldenModel.BasePath);
        byte[] delta = GoldenModelWriter.Write(baseFile, target);
        Assert.That(GoldenModel.Apply(baseFile, delta), Is.EqualTo(target));
        File.WriteAllBytes(GoldenModel.DeltaPath, delta);
        TestContext.Out.WriteLine($"{target.Length} bytes told in {delta.Length}");
    }
}
