using System.Globalization;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;

namespace MetalMoe;

/// <summary>One format's share of a file.</summary>
public sealed record FormatShare(QuantFormat Format, int Tensors, long Parameters, long Bytes);

/// <summary>Sizes of a model, read from the file's header alone.</summary>
/// <param name="Parameters">All values of all tensors.</param>
/// <param name="ActiveParameters">
/// Values that one token's forward pass uses: of routed experts only the chosen share, of the
/// embedding one row, and nothing of multi-token-prediction blocks.
/// </param>
/// <param name="BytesPerToken">Bytes of these values, read once for each token decoded.</param>
/// <param name="Formats">Shares by format, largest first.</param>
public sealed record ModelInspection(
    long Parameters, long ActiveParameters, long BytesPerToken,
    IReadOnlyList<FormatShare> Formats)
{
    /// <summary>Adds the sizes up. Works for any architecture, known or not.</summary>
    public static ModelInspection Of(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        file.Metadata.TryGetString("general.architecture", out string? architecture);
        uint Key(string key) => file.Metadata.GetUInt32OrDefault($"{architecture}.{key}", 0);

        uint experts = Key("expert_count");
        double used = experts == 0 ? 1 : Math.Min(1, (double)Key("expert_used_count") / experts);
        long trunkBlocks = (long)Key("block_count") - Key("nextn_predict_layers");
        bool isTied = file.FindTensor("output.weight") is null;
        double parameters = 0, bytes = 0;
        foreach (var tensor in file.Tensors)
        {
            double share = Share(tensor, used, trunkBlocks, isTied);
            parameters += share * tensor.ElementCount;
            bytes += share * tensor.ByteCount;
        }
        return new ModelInspection(
            file.Tensors.Sum(t => t.ElementCount), (long)Math.Round(parameters),
            (long)Math.Round(bytes),
            [.. file.Tensors.GroupBy(t => t.Format)
                .Select(g => new FormatShare(g.Key, g.Count(), g.Sum(t => t.ElementCount),
                    g.Sum(t => t.ByteCount)))
                .OrderByDescending(f => f.Bytes)]);
    }

    /// <summary>How much of a tensor one token reads.</summary>
    private static double Share(GgufTensor tensor, double used, long trunkBlocks, bool isTied)
    {
        if (tensor.Name == "token_embd.weight" && !isTied)
        {
            return 1.0 / Math.Max(1, tensor.Shape[0]);
        }
        string[] parts = tensor.Name.Split('.');
        bool isPrediction = parts.Length > 1 && parts[0] == "blk" && trunkBlocks > 0
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture,
                out long block) && block >= trunkBlocks;
        return isPrediction ? 0
            : tensor.Name.Contains("_exps.", StringComparison.Ordinal) ? used : 1;
    }
}
