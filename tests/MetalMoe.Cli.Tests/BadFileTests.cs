using System.Text;
using MetalMoe.Core.Gguf;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

/// <summary>A damaged file is one line that says what is wrong, and exit code 1.</summary>
[TestFixture]
public sealed class BadFileTests
{
    private string _path = "";

    [SetUp]
    public void CreateFile()
    {
        _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".gguf");
        File.Copy(MetalMoeProcess.Q4Model, _path);
    }

    [TearDown]
    public void DeleteFile() => File.Delete(_path);

    [Test]
    public void Missing_file()
    {
        File.Delete(_path);
        Expect(Path.GetFileName(_path));
    }

    [Test]
    public void Empty_file()
    {
        File.WriteAllBytes(_path, []);
        Expect(Path.GetFileName(_path));
    }

    [Test]
    public void Wrong_magic()
    {
        Patch(0, "GGML"u8);
        Expect("magic");
    }

    [TestCase(1000)]
    [TestCase(1_000_000)]
    public void Truncated(int length)
    {
        using (var file = File.OpenWrite(_path))
        {
            file.SetLength(length);
        }
        Expect("expected");
    }

    [Test]
    public void Unknown_architecture()
    {
        // Same length, so that nothing moves.
        ReplaceFirst("qwen35moe", "qwen99moe");
        Expect("general.architecture", "qwen99moe", "qwen35moe");
    }

    [Test]
    public void Missing_tensor()
    {
        ReplaceFirst("blk.2.ffn_down_exps.weight", "blk.2.ffn_gone_exps.weight");
        Expect("blk.2.ffn_down_exps.weight");
    }

    [Test]
    public void Missing_key()
    {
        ReplaceFirst("qwen35moe.embedding_length", "qwen35moe.embedding_longth");
        Expect("qwen35moe.embedding_length");
    }

    [Test]
    public void Wrong_shape()
    {
        // The norm's one dimension follows its name: 4 bytes of count, 8 of length.
        int at = Find("blk.1.attn_norm.weight") + "blk.1.attn_norm.weight".Length + 4;
        Patch(at, [128, 0, 0, 0, 0, 0, 0, 0]);
        Expect("blk.1.attn_norm.weight", "128");
    }

    [Test]
    public void Unknown_format()
    {
        int at = Find("blk.1.attn_norm.weight") + "blk.1.attn_norm.weight".Length + 12;
        Patch(at, [99, 0, 0, 0]);
        Expect("blk.1.attn_norm.weight", "99");
    }

    [Test]
    public void A_file_with_nothing_but_a_vocabulary_is_refused_by_run_and_read_by_tokenize()
    {
        using (var source = GgufFile.Open(MetalMoeProcess.Q4Model))
        {
            var writer = new GgufWriter();
            foreach (string key in source.Metadata.Values.Keys.Where(
                k => k.StartsWith("tokenizer.", StringComparison.Ordinal)
                    || k == "general.architecture"))
            {
                writer.Copy(key, source.Metadata);
            }
            writer.Write(_path, null, CancellationToken.None);
        }

        var tokens = MetalMoeProcess.RunWithInput("Hello", "tokenize", "-m", _path, "--json");
        var run = MetalMoeProcess.Run("run", "-m", _path, "-p", "Hello");

        Assert.That(tokens.ExitCode, Is.Zero, tokens.Error);
        Assert.That(tokens.Output, Does.StartWith("{\"tokens\":["));
        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.ErrorLine, Does.StartWith("metalmoe: ["));
    }

    private void Expect(params string[] parts)
    {
        var result = MetalMoeProcess.Run("run", "--model", _path, "--prompt", "x");

        TestContext.Out.WriteLine(result.Error.TrimEnd());
        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.ErrorLine, Does.StartWith("metalmoe: "));
        foreach (string part in parts)
        {
            Assert.That(result.ErrorLine, Does.Contain(part));
        }
    }

    private int Find(string text)
    {
        int at = File.ReadAllBytes(_path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text));
        Assert.That(at, Is.Positive);
        return at;
    }

    private void ReplaceFirst(string old, string replacement) =>
        Patch(Find(old), Encoding.UTF8.GetBytes(replacement));

    private void Patch(int offset, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenWrite(_path);
        file.Position = offset;
        file.Write(bytes);
    }
}
