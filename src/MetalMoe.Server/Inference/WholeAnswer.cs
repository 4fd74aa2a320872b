using System.Text;
using MetalMoe.Chat;

namespace MetalMoe.Server.Inference;

/// <summary>An answer put together again.</summary>
internal sealed class WholeAnswer
{
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _reasoning = new();

    public string Text => _text.ToString();

    public string Reasoning => _reasoning.ToString();

    public List<ParsedToolCall> Calls { get; } = [];

    public List<AnswerToken> Tokens { get; } = [];

    /// <summary>Set when the answer is complete.</summary>
    public AnswerEnd? End { get; private set; }

    public void Add(AnswerStep step)
    {
        foreach (var part in step.Parts)
        {
            switch (part.Kind)
            {
                case ChatOutputKind.Reasoning:
                    _reasoning.Append(part.Text);
                    break;
                case ChatOutputKind.ToolCall:
                    Calls.Add(part.ToolCall!);
                    break;
                default:
                    // A call that cannot be read is shown as what the model wrote.
                    _text.Append(part.Text);
                    break;
            }
        }
        Tokens.AddRange(step.Tokens);
        End = step.End;
    }
}
