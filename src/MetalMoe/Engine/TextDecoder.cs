using MetalMoe.Core.Text;

namespace MetalMoe.Engine;

/// <summary>The text side of one answer: which tokens end it, and what the others read.</summary>
internal sealed class TextDecoder(ModelText text, GenerationOptions options)
{
    private readonly int _tokens = text.Tokenizer.Vocabulary.Count;
    private readonly StreamingDetokenizer _detokenizer =
        text.Tokenizer.CreateDetokenizer(options.ShowControlTokens);

    public bool IsEnd(int token) =>
        (!options.IgnoreEndTokens && text.IsEndToken(token))
        || options.StopTokens.Contains(token);

    // A vocabulary padded to a round size has logits for tokens without a text.
    public string Append(int token) => token < _tokens ? _detokenizer.Append(token) : "";

    public string Flush() => _detokenizer.Flush();
}
