using MetalMoe.Core.Gguf;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

/// <summary>One malformed file for each rule of the reader.</summary>
public sealed class GgufRefusalTests
{
    private const uint F32 = 0;
    private const uint Q8_0 = 8;

    private static TestCaseData Case(string rule, RawGguf file, string subject, string expected) =>
        new TestCaseData(file.ToArray(), subject, expected).SetArgDisplayNames(rule);

    private static RawGguf OneTensor(ulong[] dimensions, uint type, ulong offset, int data) =>
        new RawGguf(1, 0).Tensor("t", dimensions, type, offset).PadTo(32).Raw(new byte[data]);

    private static RawGguf TwoTensors(string second, ulong offset) =>
        new RawGguf(2, 0).Tensor("t", [16], F32, 0).Tensor(second, [16], F32, offset)
            .PadTo(32).Raw(new byte[128]);

    private static RawGguf Alignment(uint value) => new RawGguf(0, 1)
        .Key("general.alignment", GgufValueType.UInt32).U32(value);

    private static RawGguf Array(uint element, ulong count) => new RawGguf(0, 1)
        .Key("a", GgufValueType.Array).U32(element).U64(count).Raw(new byte[64]);

    private static RawGguf Nested(int depth)
    {
        RawGguf file = new RawGguf(0, 1).Key("a", GgufValueType.Array);
        for (int i = 0; i < depth; i++)
        {
            file.U32((uint)GgufValueType.Array).U64(1);
        }
        return file.U32(0).U64(0);
    }

    private static IEnumerable<TestCaseData> HeaderCases()
    {
        yield return Case("magic", new RawGguf(0, 0, magic: "GGML"), "magic", "GGUF");
        yield return Case("version 1", new RawGguf(0, 0, 1), "version", "version 2 or 3");
        yield return Case("version 4", new RawGguf(0, 0, 4), "version", "version 2 or 3");
        yield return Case(
            "big-endian", new RawGguf(0, 0, 0x03000000), "version", "big-endian");
        yield return Case("tensor count", new RawGguf(1, 0), "tensor count", "at most 0");
        yield return Case(
            "tensor count 2^63", new RawGguf(1UL << 63, 0), "tensor count", "at most");
        yield return Case(
            "key count", new RawGguf(0, ulong.MaxValue), "key count", "at most 0");
        yield return Case(
            "key length", new RawGguf(0, 1).U64(1UL << 40).Raw(new byte[9]), "key 0", "at most");
        yield return Case(
            "value type", new RawGguf(0, 1).Text("k").U32(13), "k", "0 to 12");
        yield return Case(
            "value cut", new RawGguf(0, 1).Key("kk", GgufValueType.UInt64).U32(1), "kk",
            "8 more bytes");
        yield return Case(
            "string length",
            new RawGguf(0, 1).Key("k", GgufValueType.String).U64(ulong.MaxValue), "k",
            "string length of at most 0");
        yield return Case(
            "duplicate key",
            new RawGguf(0, 2).Key("k", GgufValueType.UInt8).Raw(1)
                .Key("k", GgufValueType.UInt8).Raw(1),
            "k", "each key once");
        yield return Case("array type", Array(99, 1), "a", "0 to 12");
        yield return Case("array count", Array(10, 9), "a", "at most 8");
        yield return Case("array of strings", Array(8, 9), "a", "at most 8");
        yield return Case("array overflow", Array(10, 1UL << 61), "a", "at most 8");
        yield return Case("array depth", Nested(40), "a", "nested at most");
        yield return Case("alignment 0", Alignment(0), "general.alignment", "power of two");
        yield return Case("alignment 24", Alignment(24), "general.alignment", "power of two");
        yield return Case(
            "alignment type",
            new RawGguf(0, 1).Key("general.alignment", GgufValueType.Float32).U32(32),
            "general.alignment", "an integer");
    }

    private static IEnumerable<TestCaseData> TensorCases()
    {
        yield return Case("no dimensions", OneTensor([], F32, 0, 64), "t", "1 to 4 dimensions");
        yield return Case(
            "five dimensions", OneTensor([1, 1, 1, 1, 1], F32, 0, 64), "t", "1 to 4 dimensions");
        yield return Case("zero dimension", OneTensor([4, 0], F32, 0, 64), "t", "at least 1");
        yield return Case(
            "dimension of 2^63", OneTensor([1UL << 63], F32, 0, 64), "t", "at least 1");
        yield return Case(
            "shape overflow", OneTensor([1UL << 32, 1UL << 32], F32, 0, 64), "t", "bytes of F32");
        yield return Case(
            "shape overflow to 0",
            OneTensor([1UL << 62, 4, 1UL << 62, 1UL << 62], F32, 0, 64), "t", "bytes of F32");
        yield return Case("unknown type", OneTensor([32], 4, 0, 64), "t", "type id 4");
        yield return Case("type beyond", OneTensor([32], 0xffff, 0, 64), "t", "type id 65535");
        yield return Case("part of a block", OneTensor([40], Q8_0, 0, 128), "t", "whole Q8_0");
        yield return Case("offset", OneTensor([4], F32, 4, 64), "t", "multiple of 32");
        yield return Case("offset beyond", OneTensor([16], F32, 32, 64), "t", "truncated");
        yield return Case(
            "offset of 2^64", OneTensor([16], F32, ulong.MaxValue - 31, 64), "t", "truncated");
        yield return Case("extent", OneTensor([17], F32, 0, 64), "t", "truncated");
        yield return Case("duplicate tensor", TwoTensors("t", 64), "t", "each tensor once");
        yield return Case("overlap", TwoTensors("u", 32), "u", "do not overlap");
        yield return Case("same place", TwoTensors("u", 0), "u", "do not overlap");
    }

    [TestCaseSource(nameof(HeaderCases))]
    [TestCaseSource(nameof(TensorCases))]
    public void A_malformed_file_is_refused_in_one_line(
        byte[] bytes, string subject, string expected)
    {
        using var folder = new TestFolder();
        string path = folder.Write("bad.gguf", bytes);
        GgufException error = Assert.Throws<GgufException>(() => GgufFile.Open(path))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error.KeyOrTensor, Is.EqualTo(subject));
            Assert.That(error.Message, Does.Contain(expected).And.Contains(path));
            Assert.That(error.Message, Does.Not.Contain('\n'));
            Assert.That(error.File, Is.EqualTo(path));
        }
    }

    [Test]
    public void Every_truncation_of_a_file_is_refused()
    {
        byte[] whole = SampleFiles.AllTypes(3);
        using var folder = new TestFolder();
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("cut.gguf", whole[..length]);
            Assert.That(() => GgufFile.Open(path), Throws.InstanceOf<GgufException>(),
                $"cut to {length} of {whole.Length} bytes");
        }
    }

    [Test]
    public void Files_that_cannot_be_read_are_refused_in_one_line()
    {
        using var folder = new TestFolder();
        foreach (string path in (string[])[folder.Path, folder.File("missing.gguf")])
        {
            Assert.That(() => GgufFile.Open(path),
                Throws.InstanceOf<MetalMoeException>().With.Message.Contains(path));
        }
        string empty = folder.Write("empty.gguf", []);
        Assert.That(() => GgufFile.Open(empty), Throws.InstanceOf<GgufException>());
    }

    [Test]
    public void Control_characters_of_a_hostile_name_do_not_reach_the_message()
    {
        using var folder = new TestFolder();
        RawGguf file = new RawGguf(0, 1).Text("a\n\u001b[31m").U32(77);
        string path = folder.Write("name.gguf", file.ToArray());
        Assert.That(() => GgufFile.Open(path), Throws.InstanceOf<GgufException>()
            .With.Message.Contains("a??[31m").And.Message.Not.Contains("\n"));
    }
}
