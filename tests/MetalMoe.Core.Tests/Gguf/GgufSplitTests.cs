using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

public sealed class GgufSplitTests
{
    private static void WritePart(
        TestFolder folder, int number, ushort? no = null, ushort count = 3, uint tensors = 3,
        string? tensor = null)
    {
        var writer = new GgufWriter();
        writer.Add("split.no", no ?? (ushort)(number - 1));
        writer.Add("split.count", count);
        writer.Add("split.tensors.count", tensors);
        if (number == 1)
        {
            writer.Add("general.architecture", "none");
        }
        writer.AddTensor(
            tensor ?? $"t{number}", QuantFormat.F32, [8],
            (_, _, bytes) => bytes.Fill((byte)number));
        writer.Write(folder.File($"m-{number:d5}-of-00003.gguf"));
    }

    private static TestFolder WriteSet()
    {
        var folder = new TestFolder();
        for (int number = 1; number <= 3; number++)
        {
            WritePart(folder, number);
        }
        return folder;
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Any_part_opens_the_whole_set(int given)
    {
        using TestFolder folder = WriteSet();
        using GgufFile file = GgufFile.Open(folder.File($"m-{given:d5}-of-00003.gguf"));
        Assert.That(file.PartCount, Is.EqualTo(3));
        Assert.That(file.Tensors.Select(t => t.Name), Is.EqualTo((string[])["t1", "t2", "t3"]));
        Assert.That(file.Metadata.GetString("general.architecture"), Is.EqualTo("none"));
        Assert.That(file.FileBytes,
            Is.EqualTo(Directory.GetFiles(folder.Path).Sum(f => new FileInfo(f).Length)));
        for (int i = 0; i < 3; i++)
        {
            Assert.That(FirstByte(file.Tensors[i]), Is.EqualTo(i + 1));
            Assert.That(file.Tensors[i].File, Does.EndWith($"m-{i + 1:d5}-of-00003.gguf"));
        }
    }

    [Test]
    public void A_set_that_does_not_fit_together_is_refused()
    {
        (string Expected, Action<TestFolder> Damage)[] cases =
        [
            ("split files", f => File.Delete(f.File("m-00002-of-00003.gguf"))),
            ("split.no", f => WritePart(f, 2, no: 2)),
            ("split.count", f => WritePart(f, 2, count: 4)),
            ("split.tensors.count", f => WritePart(f, 1, tensors: 4)),
            ("t1", f => WritePart(f, 3, tensor: "t1")),
        ];
        foreach (var (expected, damage) in cases)
        {
            using TestFolder folder = WriteSet();
            damage(folder);
            GgufException error = Assert.Throws<GgufException>(
                () => GgufFile.Open(folder.File("m-00001-of-00003.gguf")))!;
            Assert.That(error.KeyOrTensor, Is.EqualTo(expected));
        }
    }

    [Test]
    public void A_renamed_part_or_an_impossible_name_is_refused()
    {
        using TestFolder folder = WriteSet();
        File.Move(folder.File("m-00001-of-00003.gguf"), folder.File("m.gguf"));
        Assert.That(() => GgufFile.Open(folder.File("m.gguf")),
            Throws.InstanceOf<GgufException>().With.Message.Contains("split.count"));
        Assert.That(() => GgufFile.Open(folder.File("m-00004-of-00003.gguf")),
            Throws.InstanceOf<GgufException>().With.Message.Contains("file name"));
    }

    private static unsafe byte FirstByte(GgufTensor tensor) => *(byte*)tensor.Address;
}
