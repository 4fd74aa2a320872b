using System.Diagnostics;
using MetalMoe.Chat;

namespace MetalMoe.Server.Inference;

/// <summary>What a request comes to: a prompt and how to answer it.</summary>
/// <param name="Prompt">Token ids.</param>
/// <param name="Options">How to generate.</param>
/// <param name="Output">How to take the answer apart; null leaves it one text.</param>
/// <param name="EndsAtFirstCall">The answer ends behind its first call of a tool.</param>
internal sealed record AnswerJob(
    int[] Prompt, GenerationOptions Options, ChatOutputOptions? Output, bool EndsAtFirstCall)
{
    /// <summary>Tokens of the prompt that the next turn of a conversation will begin with; 0 if
    /// there will be none.</summary>
    public int ConversationLength { get; init; }

    /// <summary>When the request was read, as a time stamp of the stopwatch.</summary>
    public long Arrived { get; } = Stopwatch.GetTimestamp();
}

/// <summary>Why and after how many tokens an answer ended.</summary>
/// <param name="Reason">OpenAI's word: <c>stop</c>, <c>length</c>, <c>tool_calls</c>.</param>
/// <param name="PromptTokens">Tokens of the prompt, cached ones included.</param>
/// <param name="CachedTokens">Tokens of the prompt that had not to run again.</param>
/// <param name="GeneratedTokens">Tokens of the answer, an end token included.</param>
/// <param name="ReasoningTokens">Of these, the thoughts.</param>
internal sealed record AnswerEnd(
    string Reason, int PromptTokens, int CachedTokens, int GeneratedTokens, int ReasoningTokens);

/// <summary>A token and its logarithmic probabilities.</summary>
internal readonly record struct AnswerToken(int Id, TokenLogProbabilities LogProbabilities);

/// <summary>What one update brought. The same instance comes again with the next one.</summary>
internal sealed class AnswerStep
{
    /// <summary>Text, thoughts and calls, in order.</summary>
    public List<ChatOutputPart> Parts { get; } = [];

    /// <summary>Tokens, where log-probabilities were asked for.</summary>
    public List<AnswerToken> Tokens { get; } = [];

    /// <summary>Set in the last step.</summary>
    public AnswerEnd? End { get; set; }
}
