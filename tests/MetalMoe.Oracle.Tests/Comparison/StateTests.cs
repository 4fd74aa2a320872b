using System.Runtime.InteropServices;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>
/// How a sequence is cut into steps, and over how many threads a step is spread, changes neither
/// the logits nor the state that is left behind.
/// </summary>
[NonParallelizable]
public sealed class StateTests
{
    private const int Length = 130;
    private const float Tolerance = 1e-4f;

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFolder() =>
        _folder = Directory.CreateTempSubdirectory("metalmoe-state").FullName;

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Any_chunking_gives_the_logits_and_the_state_of_token_by_token(
        [Values("f32", "bf16", "q8_0", "q4_k_m")] string quant,
        [Values] CacheFormat cache)
    {
        string path = Model(quant);
        using var engine = new ProductEngine(path, threads: 2);
        int[] tokens = TestTexts.RandomTokens(engine.Plan.VocabularySize, Length, seed: 7);
        using var executor = engine.CreateExecutor(Length, cache, Length);
        float[][] expected = ProductEngine.Logits(executor, tokens, Chunks(1));
        byte[] expectedState = State(executor);
        bool identical = true;
        foreach (int chunk in (int[])[2, 7, 31, 32, 33, 64, Length])
        {
            float[][] logits = ProductEngine.Logits(executor, tokens, Chunks(chunk));
            float[] state = MemoryMarshal.Cast<byte, float>(State(executor)).ToArray();
            identical &= SameBits(expected, logits)
                && State(executor).AsSpan().SequenceEqual(expectedState);
            Assert.That(Largest(expected, logits), Is.LessThan(Tolerance), $"chunks of {chunk}");
            Assert.That(
                Largest([MemoryMarshal.Cast<byte, float>(expectedState).ToArray()], [state]),
                Is.LessThan(Tolerance), $"state after chunks of {chunk}");
        }
        TestContext.Progress.WriteLine(
            $"chunking, {quant}, {cache} cache: "
            + (identical ? "bit-identical" : $"within {Tolerance}, not bit-identical"));
    }

    [Test]
    public void Any_number_of_threads_gives_the_same_bits(
        [Values("f32", "bf16", "q8_0", "q4_k_m")] string quant)
    {
        string path = Model(quant);
        float[][]? expected = null;
        foreach (int threads in (int[])[1, 2, 3])
        {
            using var engine = new ProductEngine(path, threads);
            int[] tokens = TestTexts.RandomTokens(engine.Plan.VocabularySize, Length, seed: 8);
            float[][] logits = engine.Logits(tokens, CacheFormat.F16, [(0, 100), .. Ones(100)]);
            expected ??= logits;
            Assert.That(SameBits(expected, logits), $"{threads} threads");
        }
    }

    [Test]
    public void A_saved_recurrent_state_continues_like_the_one_it_was_saved_from()
    {
        using var engine = new ProductEngine(Model("q8_0"), threads: 2);
        int[] tokens = TestTexts.RandomTokens(engine.Plan.VocabularySize, Length, seed: 9);
        using var executor = engine.CreateExecutor(Length, CacheFormat.F32, Length);
        float[][] expected = ProductEngine.Logits(executor, tokens, [(0, 100), (100, 30)]);
        var batch = new StepBatch();
        executor.ResetSlot(0);
        batch.Add(0, 0, tokens.AsSpan(0, 100), LogitsMode.None);
        executor.Execute(batch, CancellationToken.None);
        byte[] checkpoint = State(executor);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            executor.LoadRecurrentState(0, checkpoint);
            batch.Clear();
            batch.Add(0, 100, tokens.AsSpan(100, 30), LogitsMode.Last);
            executor.Execute(batch, CancellationToken.None);
            Assert.That(
                executor.GetLogits(0).SequenceEqual(expected[^1]), $"attempt {attempt}");
        }
    }

    private string Model(string quant)
    {
        string path = Path.Combine(_folder, $"{quant}.gguf");
        if (!File.Exists(path))
        {
            ModelSynthesizer.Write(
                path, new SynthesisOptions { Quant = quant, Seed = 3 }, null,
                CancellationToken.None);
        }
        return path;
    }

    private static byte[] State(IExecutor executor)
    {
        var state = new byte[executor.RecurrentStateBytes];
        executor.SaveRecurrentState(0, state);
        return state;
    }

    private static IEnumerable<(int First, int Count)> Chunks(int size)
    {
        for (int first = 0; first < Length; first += size)
        {
            yield return (first, Math.Min(size, Length - first));
        }
    }

    private static IEnumerable<(int First, int Count)> Ones(int first) =>
        Enumerable.Range(first, Length - first).Select(position => (position, 1));

    private static bool SameBits(float[][] a, float[][] b) =>
        a.Zip(b).All(pair => MemoryMarshal.AsBytes<float>(pair.First)
            .SequenceEqual(MemoryMarshal.AsBytes<float>(pair.Second)));

    private static float Largest(float[][] a, float[][] b) =>
        a.Zip(b).Max(pair => pair.First.Zip(pair.Second, (x, y) => Math.Abs(x - y)).Max());
}
