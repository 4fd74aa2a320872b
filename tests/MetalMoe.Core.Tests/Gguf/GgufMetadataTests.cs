using MetalMoe.Core.Gguf;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

public sealed class GgufMetadataTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly GgufFile _file;

    public GgufMetadataTests() =>
        _file = GgufFile.Open(_folder.Write("all.gguf", SampleFiles.AllTypes(3)));

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void Each_type_is_read_as_written()
    {
        GgufMetadata metadata = _file.Metadata;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(metadata.GetUInt32("u8"), Is.EqualTo(200));
            Assert.That(metadata.GetUInt32("u16"), Is.EqualTo(0x201));
            Assert.That(metadata.GetUInt32("u32"), Is.EqualTo(uint.MaxValue));
            Assert.That(metadata.GetUInt32("i32"), Is.EqualTo(7));
            Assert.That(metadata.GetUInt64("u64"), Is.EqualTo(1UL << 40));
            Assert.That(metadata.GetFloat32("f32"), Is.EqualTo(1.5f));
            Assert.That(metadata.GetFloat32("f64"), Is.EqualTo(1.5f));
            Assert.That(metadata.GetBool("bool"), Is.True);
            Assert.That(metadata.GetString("string"), Is.EqualTo("größe"));
            Assert.That(metadata.GetInt32Array("ints"), Is.EqualTo((int[])[1, -1, 3]));
            Assert.That(metadata.Display("i8"), Is.EqualTo("-2"));
            Assert.That(metadata.Display("i64"), Is.EqualTo("-1"));
            Assert.That(metadata.Display("nested"), Is.EqualTo("[2 arrays]"));
        }
    }

    [Test]
    public void Strings_that_are_not_utf8_keep_their_bytes()
    {
        IReadOnlyList<byte[]> bytes = _file.Metadata.GetByteStringArray("strings");
        Assert.That(bytes, Is.EqualTo((byte[][])[[(byte)'a'], [], [0xff, 0xc0]]));
        Assert.That(_file.Metadata.GetStringArray("strings")[0], Is.EqualTo("a"));
    }

    [Test]
    public void A_wrong_type_names_key_and_both_types()
    {
        GgufMetadata metadata = _file.Metadata;
        (string Key, Action Read, string Expected, string Found)[] cases =
        [
            ("string", () => metadata.GetUInt32("string"), "an integer", "String"),
            ("f32", () => metadata.GetUInt64("f32"), "an integer", "Float32"),
            ("bool", () => metadata.GetUInt32("bool"), "an integer", "Bool"),
            ("u32", () => metadata.GetString("u32"), "a string", "UInt32"),
            ("u8", () => metadata.GetBool("u8"), "a bool", "UInt8"),
            ("i32", () => metadata.GetFloat32("i32"), "a float", "Int32"),
            ("ints", () => metadata.GetString("ints"), "a string", "an array of 3 Int32"),
            ("ints", () => metadata.GetBoolArray("ints"), "bools", "an array of 3 Int32"),
            ("strings", () => metadata.GetInt32Array("strings"), "integers", "3 String"),
            ("ints", () => metadata.GetStringArray("ints"), "strings", "3 Int32"),
            ("string", () => metadata.GetUInt32OrDefault("string", 1), "an integer", "String"),
            ("u8", () => metadata.GetBoolOrDefault("u8", true), "a bool", "UInt8"),
            ("u32", () => metadata.TryGetString("u32", out _), "a string", "UInt32"),
            ("none", () => metadata.GetBool("none"), "a bool", "no such key"),
            ("u64", () => metadata.GetUInt32("u64"), "32 bits", "1099511627776"),
            ("i64", () => metadata.GetUInt64("i64"), "not negative", "-1"),
        ];
        foreach (var (key, read, expected, found) in cases)
        {
            GgufException error = Assert.Throws<GgufException>(() => read())!;
            Assert.That(error.KeyOrTensor, Is.EqualTo(key));
            Assert.That(error.Expected, Does.Contain(expected), key);
            Assert.That(error.Found, Does.Contain(found), key);
        }
    }

    [Test]
    public void An_absent_key_gives_the_default()
    {
        Assert.That(_file.Metadata.GetUInt32OrDefault("none", 5), Is.EqualTo(5));
        Assert.That(_file.Metadata.GetBoolOrDefault("none", true), Is.True);
        Assert.That(_file.Metadata.TryGetString("none", out _), Is.False);
    }

    [TestCase(2u)]
    [TestCase(3u)]
    public void Tensors_lie_where_the_table_says(uint version)
    {
        string path = _folder.Write("version.gguf", SampleFiles.AllTypes(version));
        using GgufFile file = GgufFile.Open(path);
        Assert.That(file.Version, Is.EqualTo(version));
        GgufTensor first = file.FindTensor("first")!;
        GgufTensor second = file.FindTensor("second")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.Shape, Is.EqualTo((long[])[3, 4]), "row-major");
            Assert.That(first.ByteCount, Is.EqualTo(48));
            Assert.That(first.FileOffset % 64, Is.Zero);
            Assert.That(second.Shape, Is.EqualTo((long[])[2, 32]));
            Assert.That(second.ByteCount, Is.EqualTo(68));
            Assert.That(second.FileOffset, Is.EqualTo(first.FileOffset + 64));
            Assert.That(ByteAt(second, 67), Is.EqualTo(64 + 67));
            Assert.That(file.FindTensor("third"), Is.Null);
        }
    }

    [Test]
    public void A_file_with_a_large_vocabulary_opens_without_decoding_it()
    {
        const int Tokens = 248_320;
        var writer = new GgufWriter();
        writer.Add("tokens", [.. Enumerable.Range(0, Tokens).Select(i => $"token{i}")]);
        string path = _folder.File("vocabulary.gguf");
        writer.Write(path);
        GgufFile.Open(path).Dispose();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        using GgufFile file = GgufFile.Open(path);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Assert.That(allocated, Is.LessThan(64 << 10), "the table, not the strings");
        Assert.That(file.Tensors, Is.Empty);
        Assert.That(file.Metadata.GetStringArray("tokens")[Tokens - 1],
            Is.EqualTo($"token{Tokens - 1}"));
    }

    private static unsafe byte ByteAt(GgufTensor tensor, int index) =>
        ((byte*)tensor.Address)[index];
}
