using MetalMoe.Core.Gguf;
using MetalMoe.Core.Synthesis;

namespace MetalMoe.Core.Tests.Gguf;

/// <summary>Small valid files.</summary>
internal static class SampleFiles
{
    /// <summary>A key of every value type, nested arrays, and two tensors, in 700 bytes.</summary>
    public static byte[] AllTypes(uint version)
    {
        var file = new RawGguf(2, 16, version);
        file.Key("u8", GgufValueType.UInt8).Raw(200);
        file.Key("i8", GgufValueType.Int8).Raw(0xfe);
        file.Key("u16", GgufValueType.UInt16).Raw(1, 2);
        file.Key("i16", GgufValueType.Int16).Raw(0xff, 0xff);
        file.Key("u32", GgufValueType.UInt32).U32(uint.MaxValue);
        file.Key("i32", GgufValueType.Int32).U32(7);
        file.Key("f32", GgufValueType.Float32).U32(0x3fc00000);
        file.Key("bool", GgufValueType.Bool).Raw(1);
        file.Key("string", GgufValueType.String).Text("größe");
        file.Key("u64", GgufValueType.UInt64).U64(1UL << 40);
        file.Key("i64", GgufValueType.Int64).U64(ulong.MaxValue);
        file.Key("f64", GgufValueType.Float64).U64(0x3ff8000000000000);
        file.Key("strings", GgufValueType.Array).U32(8).U64(3)
            .Text("a").Text(string.Empty).U64(2).Raw(0xff, 0xc0);
        file.Key("ints", GgufValueType.Array).U32(5).U64(3).U32(1).U32(0xffffffff).U32(3);
        file.Key("nested", GgufValueType.Array).U32(9).U64(2)
            .U32(0).U64(2).Raw(1, 2).U32(8).U64(1).Text("x");
        file.Key("general.alignment", GgufValueType.UInt32).U32(64);
        file.Tensor("first", [4, 3], 0, 0).Tensor("second", [32, 2], 8, 64).PadTo(64);
        var data = new byte[64 + 68];
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = (byte)i;
        }
        return file.Raw(data).ToArray();
    }

    /// <summary>A whole model of the family, small enough to be mutated often.</summary>
    public static byte[] TinyModel(string quant)
    {
        using var folder = new TestFolder();
        string path = folder.File("tiny.gguf");
        var shape = new SynthesisShape
        {
            Layers = 2,
            FullAttentionInterval = 2,
            EmbeddingLength = 32,
            HeadCount = 2,
            HeadCountKv = 1,
            KeyLength = 16,
            RopeDimensionCount = 8,
            SsmStateSize = 16,
            SsmGroupCount = 1,
            SsmTimeStepRank = 2,
            ExpertCount = 4,
            ExpertFeedForwardLength = 32,
            ExpertSharedFeedForwardLength = 32,
            VocabularySize = 300,
        };
        ModelSynthesizer.Write(
            path, new SynthesisOptions { Shape = shape, Quant = quant }, null, default);
        return File.ReadAllBytes(path);
    }
}
