using MetalMoe.Cli.Compare;
using MetalMoe.Core;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

/// <summary>The peer itself, when it is there.</summary>
public sealed class LlamaCppTests
{
    [Test]
    public void The_bundled_model_runs_alike_in_both_engines()
    {
        string library = RequireLibrary();

        CompareReport report = Comparison.Run(
            new CompareOptions
            {
                ModelPath = TinyModel.Bundled,
                LlamaPath = library,
                Prefill = 40,
                Decode = 8,
                Pairs = 1,
                Threads = 1,
                ParityPositions = 24,
                WarmUp = TimeSpan.Zero,
            },
            progress: null, CancellationToken.None);

        TestContext.Out.WriteLine(CompareTables.ToMarkdown(report));
        Assert.That(report.Peer.Version, Does.Contain("0.5."));
        Assert.That(report.Peer.Settings, Does.Contain("threads"));
        Assert.That(report.Tests.Select(t => t.Test), Is.EqualTo(["pp40", "tg8@d40"]));
        Assert.That(report.Tests.SelectMany(t => t.Ours.Concat(t.Peer)), Is.All.Positive);
        // Both round activations to 8 bits, not alike: some near ties go the other way.
        Assert.That(report.Parity!.Agreed, Is.GreaterThanOrEqualTo(20));
        Assert.That(report.Parity.KlMedian, Is.InRange(0, 0.02));
    }

    [Test]
    public void A_file_that_is_no_model_is_refused_in_one_line()
    {
        LlamaCppLibrary library = LlamaCppLibrary.Load(RequireLibrary());
        string path = Path.Combine(TinyModel.RepositoryRoot, "build.sh");
        var settings = new EngineSettings(path, 1, 16, Core.Runtime.CacheFormat.F16);

        Assert.That(
            () => new LlamaCppEngine(library, settings, repack: true),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains("build.sh")
                .And.Message.Not.Contains("\n"));
    }

    [Test]
    public void A_missing_library_is_named_in_one_line()
    {
        string empty = Directory.CreateTempSubdirectory("metalmoe-").FullName;
        string text = Path.Combine(empty, "libllama.so");

        Assert.That(
            () => LlamaCppLibrary.Load(empty),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains(empty));
        File.WriteAllText(text, "no library");
        Assert.That(
            () => LlamaCppLibrary.Load(text),
            Throws.InstanceOf<MetalMoeException>().With.Message.Contains(text)
                .And.Message.Not.Contains("\n"));
        Directory.Delete(empty, recursive: true);
    }

    /// <summary>The installed library, or the one the environment names; skips the test without.
    /// </summary>
    internal static string RequireLibrary()
    {
        string scope = Path.Combine(
            TinyModel.RepositoryRoot, "artifacts", "peers", "node_modules", "@node-llama-cpp");
        string? found = Environment.GetEnvironmentVariable(LlamaCppLibrary.EnvironmentVariable)
            ?? (Directory.Exists(scope)
                ? Directory.EnumerateFiles(scope, "libllama.*", SearchOption.AllDirectories)
                    .FirstOrDefault()
                : null);
        if (found is null)
        {
            Assert.Ignore("llama.cpp peer not installed; remedy: run tests/peers/install.sh");
        }
        return found!;
    }
}
