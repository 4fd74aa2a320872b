using MetalMoe.Oracle.Tests.LlamaCpp;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>Runs a model file in llama.cpp.</summary>
public static class LlamaEngine
{
    /// <summary>Logits and routing of a sequence.</summary>
    public static EngineTrace Run(string path, int[] tokens, bool float32Cache)
    {
        using var model = LlamaModel.Load(path);
        using var probe = new RouterProbe();
        using var context = new LlamaContext(model, new LlamaContextOptions
        {
            ContextLength = tokens.Length,
            BatchSize = Feeding.PromptLength,
            Float32Cache = float32Cache,
            FlashAttention = float32Cache ? false : null,
            Probe = probe,
        });
        var logits = new float[tokens.Length][];
        foreach (var (first, count) in Feeding.Steps(tokens.Length))
        {
            context.Decode(tokens.AsSpan(first, count), first);
            for (int i = 0; i < count; i++)
            {
                logits[first + i] = context.Logits(i).ToArray();
            }
        }
        var routers = probe.Layers.ToDictionary(l => l, l => probe.Probabilities(l).ToArray());
        int used = routers.Count == 0 ? 0 : probe.Chosen(probe.Layers.First())[0].Length;
        return new EngineTrace(logits, routers, used);
    }
}
