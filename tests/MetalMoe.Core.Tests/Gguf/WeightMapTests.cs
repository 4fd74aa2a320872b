using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

public sealed class WeightMapTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly GgufFile _file;
    private WeightMap _map = null!;

    public WeightMapTests()
    {
        var writer = new GgufWriter();
        writer.AddTensor("m", QuantFormat.Q8_0, [3, 32], (_, _, b) => b.Clear());
        writer.AddTensor("v", QuantFormat.F32, [4], (_, _, b) => b.Clear());
        writer.AddTensor("half", QuantFormat.F16, [4], (_, _, b) => b.Clear());
        // A binary32 of four bytes 0xff is not a number.
        writer.AddTensor("nan", QuantFormat.F32, [4], (_, _, b) => b.Fill(0xff));
        string path = _folder.File("m.gguf");
        writer.Write(path);
        _file = GgufFile.Open(path);
    }

    [SetUp]
    public void StartAfresh() => _map = new WeightMap(_file);

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void A_weight_of_the_expected_shape_points_into_the_mapping()
    {
        Weight weight = _map.Get("m", 3, 32);
        Assert.That(weight.Address, Is.EqualTo(_file.FindTensor("m")!.Address));
        Assert.That(weight.ByteCount, Is.EqualTo(3 * 34));
        Assert.That(_map.Find("none", 1), Is.Null);
        Assert.That(_map.Contains("none"), Is.False);
    }

    [Test]
    public void A_wrong_shape_or_a_missing_tensor_is_told_in_one_line()
    {
        Assert.That(() => _map.Get("m", 32, 3), Throws.InstanceOf<ModelException>().With.Message
            .EqualTo($"[load] m: expected [32, 3], got [3, 32] ({_file.Path})"));
        Assert.That(() => _map.Find("m", 96), Throws.InstanceOf<ModelException>());
        Assert.That(() => _map.Get("none", 1), Throws.InstanceOf<ModelException>().With.Message
            .Contains("none: expected [1], got no such tensor"));
    }

    [Test]
    public void A_vector_is_f32_and_finite()
    {
        Assert.That(_map.GetVector("v", 4).Format, Is.EqualTo(QuantFormat.F32));
        Assert.That(() => _map.GetVector("half", 4),
            Throws.InstanceOf<ModelException>().With.Message.Contains("expected F32, got F16"));
        Assert.That(() => _map.GetVector("nan", 4),
            Throws.InstanceOf<ModelException>().With.Message.Contains("finite"));
    }

    [Test]
    public void A_tensor_nobody_asked_for_is_an_error_unless_excused()
    {
        _map.Get("m", 3, 32);
        _map.Get("v", 4);
        Assert.That(() => _map.ThrowOnUnused(name => name == "nan"),
            Throws.InstanceOf<ModelException>().With.Message.Contains("half"));
        Assert.That(() => _map.ThrowOnUnused(name => name is "nan" or "half"), Throws.Nothing);
    }
}
