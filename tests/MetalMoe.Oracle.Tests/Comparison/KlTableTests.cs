using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>
/// Logits of a 200-token prompt and 50 decoded tokens, on every model: ours and llama.cpp's
/// against the float64 reference, and against each other.
/// </summary>
[NonParallelizable]
public sealed class KlTableTests
{
    /// <summary>Below this both engines' divergence is the rounding of binary32 logits, and
    /// which of the two is smaller is chance.</summary>
    private const double RoundingOfLogits = 1e-11;

    private readonly List<ModelComparison> _rows = [];
    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFolder()
    {
        Peers.Require();
        _folder = Directory.CreateTempSubdirectory("metalmoe-oracle").FullName;
    }

    [OneTimeTearDown]
    public void PrintTable()
    {
        if (_rows.Count > 0)
        {
            Report.Write("kl-table.txt",
                string.Join('\n', [ModelComparison.Header, .. _rows.Select(r => r.ToString())]));
        }
        if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [TestCaseSource(typeof(ComparisonCase), nameof(ComparisonCase.All))]
    public void Logits_are_as_near_to_the_reference_as_those_of_llama_cpp(ComparisonCase model)
    {
        var row = ModelComparison.Run(model, _folder);
        _rows.Add(row);
        TestContext.Out.WriteLine(row);
        Assert.Multiple(() =>
        {
            if (row.Llama is null)
            {
                Assert.That(row.Ours.Median, Is.LessThan(model.Bar), "KL to the reference");
                return;
            }
            Assert.That(
                row.Ours.Median,
                Is.LessThanOrEqualTo(Math.Max(row.Llama.Median, RoundingOfLogits)),
                "our KL to the reference is no larger than llama.cpp's");
            Assert.That(row.Between!.Median, Is.LessThan(row.Bar), "KL between the engines");
        });
    }
}
