using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.Tests;

/// <summary>The bundled model, and the shortest way to use it.</summary>
internal static class TinyModel
{
    public const string LongPrompt =
        "It was a cold winter night, and the wind howled round the little house. The children "
        + "sat by the fire and listened to the story that their grandmother was telling them.";

    /// <summary>The repository's folder.</summary>
    public static string Root { get; } = FindRoot();

    public static string Path { get; } = System.IO.Path.Combine(
        Root, "models", "tiny-qwen35moe-q4_k_m.gguf");

    public static Task<MoeModel> LoadAsync(int sessions = 1, int batchTokens = 512) =>
        MoeModel.LoadAsync(Path, new MoeModelOptions
        {
            Threads = 2,
            ContextLength = 1024,
            MaxSessions = sessions,
            MaxBatchTokens = batchTokens,
        });

    public static GenerationOptions Greedy(int maxTokens) =>
        new() { MaxTokens = maxTokens, Sampling = SamplingOptions.Greedy, IgnoreEndTokens = true };

    /// <summary>The ids of one answer.</summary>
    public static async Task<int[]> IdsAsync(
        this Session session, GenerationOptions options, CancellationToken token = default)
    {
        var ids = new List<int>();
        await foreach (var update in session.GenerateAsync(options, token))
        {
            if (update.TokenId is { } id)
            {
                ids.Add(id);
            }
        }
        return [.. ids];
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder!.FullName, "MetalMoe.sln")))
        {
            folder = folder.Parent;
        }
        return folder.FullName;
    }
}
