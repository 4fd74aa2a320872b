using MetalMoe.Cli.Bench;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

public sealed class SpreadTests
{
    [TestCase(new double[] { 3 }, 3, 3, 3)]
    [TestCase(new double[] { 9, 1, 4 }, 4, 1, 9)]
    [TestCase(new double[] { 10, 2, 4, 1 }, 3, 1, 10)]
    public void Median_min_and_max_of_unsorted_values(
        double[] values, double median, double min, double max) =>
        Assert.That(Spread.Of(values), Is.EqualTo(new Spread(median, min, max)));

    [Test]
    public void No_value_has_no_spread() =>
        Assert.That(() => Spread.Of([]), Throws.ArgumentException);
}
