using System.Text;
using MetalMoe.Server.Api;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>Log-probabilities in the forms of the interfaces. A token's text is its bytes read
/// as UTF-8; where these are part of a character the bytes themselves tell more.</summary>
internal static class Logprobs
{
    public static LogprobsJson Of(IReadOnlyList<AnswerToken> tokens, ModelText text) =>
        new([.. tokens.Select(token => new TokenLogprobJson(
            TextOf(token.Id, text), token.LogProbabilities.Chosen, BytesOf(token.Id, text),
            [.. token.LogProbabilities.Top.Select(top => new TopLogprobJson(
                TextOf(top.TokenId, text), top.LogProbability, BytesOf(top.TokenId, text)))]))]);

    /// <summary>The form of text completions.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="text">Their texts.</param>
    /// <param name="offset">Characters before the first token; moved behind the last.</param>
    public static CompletionLogprobsJson ForCompletion(
        IReadOnlyList<AnswerToken> tokens, ModelText text, ref int offset)
    {
        var offsets = new int[tokens.Count];
        var tops = new Dictionary<string, float>[tokens.Count];
        for (int i = 0; i < tokens.Count; i++)
        {
            offsets[i] = offset;
            offset += TextOf(tokens[i].Id, text).Length;
            tops[i] = new Dictionary<string, float>(StringComparer.Ordinal);
            foreach (var top in tokens[i].LogProbabilities.Top)
            {
                // Two tokens can read the same; the likelier one comes first.
                tops[i].TryAdd(TextOf(top.TokenId, text), top.LogProbability);
            }
        }
        return new CompletionLogprobsJson(
            [.. tokens.Select(token => TextOf(token.Id, text))],
            [.. tokens.Select(token => token.LogProbabilities.Chosen)], tops, offsets);
    }

    private static string TextOf(int token, ModelText text) =>
        Encoding.UTF8.GetString(text.TokenBytes(token));

    private static int[] BytesOf(int token, ModelText text)
    {
        var bytes = text.TokenBytes(token);
        var numbers = new int[bytes.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = bytes[i];
        }
        return numbers;
    }
}
