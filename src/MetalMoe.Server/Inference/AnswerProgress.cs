using MetalMoe.Chat;

namespace MetalMoe.Server.Inference;

/// <summary>Takes updates of the model apart and counts.</summary>
internal sealed class AnswerProgress(AnswerJob job, int cachedTokens)
{
    private readonly ChatOutputParser? _parser =
        job.Output is null ? null : new ChatOutputParser(job.Output);

    private bool _isReasoning = job.Output?.StartsInReasoning ?? false;
    private bool _hasCall;
    private int _reasoningTokens;

    public AnswerStep Step { get; } = new();

    public int GeneratedTokens { get; private set; }

    /// <summary>Fills the step; true when the update brought a token.</summary>
    public bool Add(in GenerationUpdate update)
    {
        Step.Parts.Clear();
        Step.Tokens.Clear();
        if (_parser is not null)
        {
            _parser.Append(update.Text, Step.Parts);
        }
        else if (update.Text.Length > 0)
        {
            Step.Parts.Add(new ChatOutputPart(ChatOutputKind.Text, update.Text));
        }
        if (update.FinishReason is not null)
        {
            _parser?.Complete(Step.Parts);
        }
        Count(update);
        if (update.FinishReason is not null || (job.EndsAtFirstCall && _hasCall))
        {
            GeneratedTokens = update.Statistics?.GeneratedTokens ?? GeneratedTokens;
            Step.End = new AnswerEnd(
                ReasonOf(update.FinishReason), job.Prompt.Length, cachedTokens, GeneratedTokens,
                _reasoningTokens);
        }
        return update.TokenId is not null;
    }

    private void Count(in GenerationUpdate update)
    {
        for (int i = 0; i < Step.Parts.Count; i++)
        {
            _isReasoning = Step.Parts[i].Kind == ChatOutputKind.Reasoning;
            if (Step.Parts[i].Kind == ChatOutputKind.ToolCall)
            {
                _hasCall = true;
                if (job.EndsAtFirstCall)
                {
                    Step.Parts.RemoveRange(i + 1, Step.Parts.Count - i - 1);
                }
            }
        }
        if (update.TokenId is { } token)
        {
            GeneratedTokens++;
            _reasoningTokens += _isReasoning ? 1 : 0;
            if (update.LogProbabilities is { } logProbabilities)
            {
                Step.Tokens.Add(new AnswerToken(token, logProbabilities));
            }
        }
    }

    private string ReasonOf(FinishReason? reason) =>
        reason is FinishReason.MaxTokens or FinishReason.ContextFull ? "length"
        : _hasCall ? "tool_calls" : "stop";
}
