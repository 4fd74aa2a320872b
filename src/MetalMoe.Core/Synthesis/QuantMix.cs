using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Synthesis;

/// <summary>
/// Which format a named mix gives each tensor. The <c>_m</c> mixes raise some value, down and
/// recurrent qkv matrices and the output to Q6_K, as llama-quantize does.
/// </summary>
public sealed class QuantMix
{
    private static readonly Dictionary<string, (QuantFormat Base, bool Medium, uint FileType)>
        s_mixes = new(StringComparer.Ordinal)
        {
            ["f32"] = (QuantFormat.F32, false, 0),
            ["f16"] = (QuantFormat.F16, false, 1),
            ["bf16"] = (QuantFormat.BF16, false, 32),
            ["q4_0"] = (QuantFormat.Q4_0, false, 2),
            ["q4_1"] = (QuantFormat.Q4_1, false, 3),
            ["q5_0"] = (QuantFormat.Q5_0, false, 8),
            ["q5_1"] = (QuantFormat.Q5_1, false, 9),
            ["q8_0"] = (QuantFormat.Q8_0, false, 7),
            ["q2_k"] = (QuantFormat.Q2_K, false, 10),
            ["q3_k"] = (QuantFormat.Q3_K, false, 12),
            ["q4_k_m"] = (QuantFormat.Q4_K, true, 15),
            ["q5_k_m"] = (QuantFormat.Q5_K, true, 17),
            ["q6_k"] = (QuantFormat.Q6_K, false, 18),
            ["iq4_nl"] = (QuantFormat.IQ4_NL, false, 25),
            ["iq4_xs"] = (QuantFormat.IQ4_XS, false, 30),
            ["mxfp4"] = (QuantFormat.MXFP4, false, 38),
        };

    private readonly (QuantFormat Base, bool Medium, uint FileType) _mix;
    private readonly IReadOnlyDictionary<string, QuantFormat> _overrides;

    /// <summary>Looks a mix up.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="overrides">Tensor name suffix (<c>attn_q.weight</c>) to format.</param>
    /// <exception cref="MetalMoeException">The name is unknown.</exception>
    public QuantMix(string name, IReadOnlyDictionary<string, QuantFormat>? overrides = null)
    {
        if (!s_mixes.TryGetValue(name, out _mix))
        {
            throw new MetalMoeException(
                $"[synth] quant: expected one of {string.Join(", ", s_mixes.Keys)}, got {name}");
        }
        _overrides = overrides ?? new Dictionary<string, QuantFormat>();
    }

    /// <summary>Names of all mixes.</summary>
    public static IReadOnlyCollection<string> Names => s_mixes.Keys;

    /// <summary>GGUF's <c>general.file_type</c> number.</summary>
    internal uint FileType => _mix.FileType;

    /// <summary>Format of a matrix, falling back where a row is not whole blocks.</summary>
    internal QuantFormat FormatOf(string tensor, int layer, int layers, long columns)
    {
        foreach (var (suffix, format) in _overrides)
        {
            // Whole words: output.weight does not mean attn_output.weight.
            if (tensor == suffix || tensor.EndsWith("." + suffix, StringComparison.Ordinal))
            {
                return Fit(format, columns);
            }
        }
        bool raised = _mix.Medium
            && (tensor == "output.weight" || (TakesMoreBits(tensor) && MoreBits(layer, layers)));
        return Fit(raised ? QuantFormat.Q6_K : _mix.Base, columns);
    }

    private static bool TakesMoreBits(string tensor) =>
        tensor.Contains("attn_v.", StringComparison.Ordinal)
        || tensor.Contains("attn_qkv.", StringComparison.Ordinal)
        || tensor.Contains("ffn_down", StringComparison.Ordinal);

    /// <summary>The first and last eighth of the layers and every third between.</summary>
    private static bool MoreBits(int layer, int layers) =>
        layer < layers / 8 || layer >= 7 * layers / 8 || (layer - (layers / 8)) % 3 == 2;

    private static QuantFormat Fit(QuantFormat format, long columns)
    {
        if (columns % QuantFormats.BlockSize(format) == 0)
        {
            return format;
        }
        QuantFormat smaller = format switch
        {
            QuantFormat.Q4_K => QuantFormat.Q5_0,
            QuantFormat.Q5_K => QuantFormat.Q5_1,
            QuantFormat.Q6_K => QuantFormat.Q8_0,
            QuantFormat.Q2_K or QuantFormat.Q3_K or QuantFormat.IQ4_XS => QuantFormat.IQ4_NL,
            _ => QuantFormat.F16,
        };
        return Fit(smaller, columns);
    }
}
