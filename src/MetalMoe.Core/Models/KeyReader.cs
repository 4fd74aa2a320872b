using System.Globalization;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Models;

/// <summary>
/// Reads hyper-parameters under the architecture's prefix with their ranges; every failure names
/// file, key, expected and found.
/// </summary>
internal sealed class KeyReader(GgufFile file)
{
    private readonly GgufMetadata _metadata = file.Metadata;

    public string Architecture { get; } = file.Metadata.GetString("general.architecture");

    public bool Contains(string key) => _metadata.Contains(Full(key));

    public int Int(string key, int minimum, int maximum)
    {
        uint value = _metadata.GetUInt32(Full(key));
        Check(value >= minimum && value <= maximum, key, $"{minimum} to {maximum}", value);
        return (int)value;
    }

    public int IntOr(string key, int otherwise, int minimum, int maximum) =>
        Contains(key) ? Int(key, minimum, maximum) : otherwise;

    public float PositiveFloat(string key)
    {
        float value = _metadata.GetFloat32(Full(key));
        Check(float.IsFinite(value) && value > 0, key, "a positive number", value);
        return value;
    }

    /// <summary>The softmax scale of attention: 1/sqrt(K) unless the file gives another.</summary>
    public float AttentionScale(int keyLength)
    {
        const string Key = "attention.scale";
        float scale = Contains(Key) ? _metadata.GetFloat32(Full(Key)) : 0;
        Check(float.IsFinite(scale) && scale >= 0, Key, "a number that is not negative", scale);
        return scale == 0 ? 1 / MathF.Sqrt(keyLength) : scale;
    }

    /// <summary>
    /// Rotary embedding. The multi-axis sections of these models reduce to plain NeoX rotation
    /// for text when they cover all pairs, which is checked; other scalings are refused rather
    /// than computed wrongly.
    /// </summary>
    public RopeParameters Rope(int keyLength)
    {
        int dimensions = IntOr("rope.dimension_count", keyLength, 2, keyLength);
        Check(dimensions % 2 == 0, "rope.dimension_count", "an even number", dimensions);
        const string Sections = "rope.dimension_sections";
        if (Contains(Sections))
        {
            int[] sections = _metadata.GetInt32Array(Full(Sections));
            long pairs = sections.Sum(s => (long)s);
            Check(pairs == dimensions / 2 && sections.All(s => s >= 0), Sections,
                $"sections that sum to {dimensions / 2} pairs",
                $"[{string.Join(", ", sections.Take(8))}]");
        }
        const string Scaling = "rope.scaling.type";
        if (Contains(Scaling))
        {
            string scaling = _metadata.GetString(Full(Scaling));
            Check(scaling == "none", Scaling, "none", scaling);
        }
        float frequencyBase = Contains("rope.freq_base") ? PositiveFloat("rope.freq_base") : 10000;
        return new RopeParameters(dimensions, frequencyBase);
    }

    /// <summary>Which trunk layers are recurrent: an explicit array, else every layer but each
    /// full_attention_interval-th.</summary>
    public bool[] RecurrentLayers(int blockCount, int trunkBlockCount)
    {
        const string Explicit = "attention.recurrent_layers";
        if (Contains(Explicit))
        {
            bool[] layers = _metadata.GetBoolArray(Full(Explicit));
            Check(layers.Length == blockCount, Explicit, $"{blockCount} values", layers.Length);
            return layers[..trunkBlockCount];
        }
        int interval = IntOr("full_attention_interval", 4, 1, int.MaxValue);
        return [.. Enumerable.Range(0, trunkBlockCount).Select(i => (i + 1) % interval != 0)];
    }

    public void Check(bool holds, string key, string expected, object found)
    {
        if (!holds)
        {
            string text = Convert.ToString(found, CultureInfo.InvariantCulture) ?? string.Empty;
            throw new ModelException(
                $"[load] {Full(key)}: expected {expected}, got {text} ({file.Path})");
        }
    }

    private string Full(string key) => $"{Architecture}.{key}";
}
