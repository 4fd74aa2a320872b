using static MetalMoe.Oracle.Tests.Reference.ReferenceMath;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>
/// The Qwen3.5 forward pass (<c>qwen35moe</c>, <c>qwen35</c>) in double precision, as plain as
/// it can be written: all T positions of one sequence at once, layer by layer, one loop a
/// formula. It shares no code with the product. The feed-forward and the two mixers have their
/// own files.
/// </summary>
public sealed partial class ReferenceModel
{
    private readonly ReferenceFile _file;
    private readonly string _architecture;
    private readonly int _layers;
    private readonly double _epsilon;
    private readonly Dictionary<string, ReferenceMatrix> _matrices = [];
    private readonly Dictionary<string, float[]> _vectors = [];

    /// <summary>Opens a model file.</summary>
    public ReferenceModel(string path)
    {
        _file = new ReferenceFile(path);
        _architecture = (string)_file.Keys["general.architecture"];
        _layers = Key("block_count") - Key("nextn_predict_layers", 0);
        _epsilon = _file.Number($"{_architecture}.attention.layer_norm_rms_epsilon");
        var embedding = _file.Tensors["token_embd.weight"];
        VocabularySize = (int)embedding.Extents[1];
    }

    /// <summary>V.</summary>
    public int VocabularySize { get; }

    /// <summary>The tensor types of the matrices, as GGUF type ids, without repetition.</summary>
    public IReadOnlyList<int> MatrixTypes =>
        [.. _file.Tensors.Values.Where(t => t.Extents.Length > 1).Select(t => t.Type).Distinct()];

    /// <summary>Logits of every position of a sequence, and what its routers decided.</summary>
    public ReferenceRun Run(ReadOnlySpan<int> tokens)
    {
        var routes = new Dictionary<int, ReferenceRoute[]>();
        var embedding = Matrix("token_embd.weight");
        double[][] x = [.. tokens.ToArray().Select(
            token => Array.ConvertAll(embedding.Row(token).ToArray(), v => (double)v))];
        for (int layer = 0; layer < _layers; layer++)
        {
            string block = $"blk.{layer}.";
            double[][] h = Norm(x, block + "attn_norm.weight");
            AddTo(x, IsAttention(layer) ? Attention(block, h) : DeltaRule(block, h));
            h = Norm(x, block + "post_attention_norm.weight");
            AddTo(x, _architecture == "qwen35moe"
                ? Experts(block, h, layer, routes)
                : SwiGlu(h, block + "ffn_gate.weight", block + "ffn_up.weight",
                    block + "ffn_down.weight"));
        }
        double[][] last = Norm(x, "output_norm.weight");
        string head = Has("output.weight") ? "output.weight" : "token_embd.weight";
        return new ReferenceRun(Matrix(head).Multiply(last), routes);
    }

    private bool IsAttention(int layer)
    {
        if (_file.Keys.TryGetValue(
            $"{_architecture}.attention.recurrent_layers", out object? recurrent))
        {
            return (double)((object[])recurrent)[layer] == 0;
        }
        return (layer + 1) % Key("full_attention_interval", 4) == 0;
    }

    private double[][] Norm(double[][] x, string weight) =>
        [.. x.Select(row => RmsNorm(row, Vector(weight), _epsilon))];

    private static void AddTo(double[][] x, double[][] y)
    {
        for (int t = 0; t < x.Length; t++)
        {
            for (int i = 0; i < x[t].Length; i++)
            {
                x[t][i] += y[t][i];
            }
        }
    }

    private int Key(string key, int? otherwise = null) =>
        (int)_file.Number($"{_architecture}.{key}", otherwise);

    private bool Has(string tensor) => _file.Tensors.ContainsKey(tensor);

    private float[] Vector(string name)
    {
        if (!_vectors.TryGetValue(name, out float[]? values))
        {
            _vectors[name] = values = _file.Values(name);
        }
        return values;
    }

    /// <summary>A matrix; a stack of expert matrices reads as one tall matrix.</summary>
    private ReferenceMatrix Matrix(string name)
    {
        if (!_matrices.TryGetValue(name, out var matrix))
        {
            float[] values = _file.Values(name);
            int columns = (int)_file.Tensors[name].Extents[0];
            _matrices[name] = matrix = new(values, values.Length / columns, columns);
        }
        return matrix;
    }
}
