using FsCheck;
using FsCheck.Fluent;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

public sealed class GgufWriterTests
{
    private sealed record Content(
        uint Version, int AlignmentBits, string[] Texts, int[] Numbers, bool[] Flags, float Real,
        int[] RowCounts);

    private static Gen<Content> Contents() =>
        from version in Gen.Elements(2u, 3u)
        from bits in Gen.Choose(0, 9)
        from texts in Gen.Elements("", "a", "ä\u0000b", "\ud83d\ude00", "<|im_end|>").ArrayOf()
        from numbers in Gen.Choose(int.MinValue, int.MaxValue).ArrayOf()
        from flags in Gen.Elements(true, false).ArrayOf()
        from real in Gen.Elements(0f, -0f, 1e-45f, float.MaxValue, float.NaN)
        from rows in Gen.Choose(1, 5).ArrayOf()
        select new Content(version, bits, texts, numbers, flags, real, rows);

    [Test]
    public void What_is_written_is_read_back()
    {
        using var folder = new TestFolder();
        Prop.ForAll(Contents().ToArbitrary(), content => RoundTrip(folder, content))
            .QuickCheckThrowOnFailure();
    }

    [Test]
    public void A_failure_leaves_the_old_file_and_no_draft()
    {
        using var folder = new TestFolder();
        string path = folder.Write("m.gguf", [1, 2, 3]);
        var writer = new GgufWriter();
        writer.AddTensor(
            "t", QuantFormat.F32, [4], (_, _, _) => throw new InvalidOperationException("rows"));
        Assert.That(() => writer.Write(path), Throws.InvalidOperationException);
        Assert.That(File.ReadAllBytes(path), Is.EqualTo((byte[])[1, 2, 3]));
        Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void Cancellation_leaves_nothing()
    {
        using var folder = new TestFolder();
        var writer = new GgufWriter();
        writer.AddTensor("t", QuantFormat.F32, [4], (_, _, _) => { });
        Assert.That(
            () => writer.Write(folder.File("m.gguf"), null, new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    [Test]
    public void A_path_that_cannot_be_written_is_an_error_of_one_line()
    {
        using var folder = new TestFolder();
        string path = Path.Combine(folder.Path, "none", "m.gguf");
        Assert.That(() => new GgufWriter().Write(path),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains(path));
    }

    [Test]
    public void Impossible_tensors_are_refused()
    {
        var writer = new GgufWriter();
        writer.AddTensor("t", QuantFormat.F32, [1], (_, _, _) => { });
        foreach (long[] shape in (long[][])[[], [0], [2, -1], [1, 1, 1, 1, 1]])
        {
            Assert.That(() => writer.AddTensor("u", QuantFormat.F32, shape, (_, _, _) => { }),
                Throws.ArgumentException);
        }
        Assert.That(() => writer.AddTensor("t", QuantFormat.F32, [1], (_, _, _) => { }),
            Throws.ArgumentException);
        Assert.That(() => writer.AddTensor("v", QuantFormat.Q4_K, [32], (_, _, _) => { }),
            Throws.ArgumentException);
    }

    private static void RoundTrip(TestFolder folder, Content content)
    {
        string path = folder.File("m.gguf");
        var writer = new GgufWriter(content.Version, 1u << content.AlignmentBits);
        writer.Add("texts", content.Texts);
        writer.Add("numbers", content.Numbers);
        writer.Add("flags", content.Flags);
        writer.Add("real", content.Real);
        for (int i = 0; i < content.RowCounts.Length; i++)
        {
            QuantFormat format = QuantFormats.All[i % QuantFormats.All.Count];
            int number = i;
            writer.AddTensor($"t{i}", format, [content.RowCounts[i], 256],
                (first, count, bytes) => bytes.Fill((byte)(number + first + count)));
        }
        writer.Write(path);
        using GgufFile file = GgufFile.Open(path);
        Assert.That(file.Version, Is.EqualTo(content.Version));
        Assert.That(file.Metadata.GetStringArray("texts"), Is.EqualTo(content.Texts));
        Assert.That(file.Metadata.GetInt32Array("numbers"), Is.EqualTo(content.Numbers));
        Assert.That(file.Metadata.GetBoolArray("flags"), Is.EqualTo(content.Flags));
        Assert.That(BitConverter.SingleToInt32Bits(file.Metadata.GetFloat32("real")),
            Is.EqualTo(BitConverter.SingleToInt32Bits(content.Real)));
        Assert.That(file.Tensors, Has.Count.EqualTo(content.RowCounts.Length));
        for (int i = 0; i < file.Tensors.Count; i++)
        {
            GgufTensor tensor = file.Tensors[i];
            Assert.That(tensor.Shape, Is.EqualTo((long[])[content.RowCounts[i], 256]));
            Assert.That(tensor.Format,
                Is.EqualTo(QuantFormats.All[i % QuantFormats.All.Count]));
            Assert.That(tensor.FileOffset % (1 << content.AlignmentBits), Is.Zero);
            Assert.That(AllBytesAre(tensor, (byte)(i + content.RowCounts[i])), Is.True);
        }
    }

    private static unsafe bool AllBytesAre(GgufTensor tensor, byte value) =>
        !new ReadOnlySpan<byte>((void*)tensor.Address, (int)tensor.ByteCount)
            .ContainsAnyExcept(value);
}
