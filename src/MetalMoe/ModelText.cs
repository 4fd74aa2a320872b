using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Jinja;
using MetalMoe.Engine;

namespace MetalMoe;

/// <summary>Text to tokens and back, for one model. Thread-safe.</summary>
public sealed class ModelText
{
    private readonly Lazy<IChatTemplate> _chatTemplate;
    private readonly Lazy<ControlTextGuard> _guard;

    private ModelText(GgufFile file)
    {
        Tokenizer = new Tokenizer(Vocabulary.Load(file));
        _guard = new(() => new ControlTextGuard(Tokenizer));
        // Only a conversation needs the template: a broken one must not keep a model from
        // continuing plain text.
        _chatTemplate = new(() =>
            JinjaChatTemplate.Load(file.Metadata, id => Tokenizer.Decode([id]))
                ?? (IChatTemplate)ChatMlTemplate.Instance);
    }

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>
    /// Conversation to prompt: the template that the model brings along, ChatML without one.
    /// </summary>
    /// <exception cref="MetalMoeException">The model's template cannot be run.</exception>
    public IChatTemplate ChatTemplate => _chatTemplate.Value;

    /// <summary>Reads the vocabulary of a model, or of a file with nothing else.</summary>
    /// <exception cref="MetalMoeException">The vocabulary is missing or not valid.</exception>
    public static ModelText Load(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new ModelText(file);
    }

    /// <summary>Tokens of a text, with the model's BOS where it wants one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecial">Reads the names of control tokens as these tokens. Off for
    /// text that other people wrote.</param>
    /// <param name="isStart">The text begins a sequence.</param>
    public int[] Encode(string text, bool parseSpecial = false, bool isStart = false) =>
        Tokenizer.Encode(text, parseSpecial, isStart);

    /// <summary>As above, for UTF-8 that need not be valid.</summary>
    /// <inheritdoc cref="Encode(string, bool, bool)"/>
    public int[] Encode(ReadOnlySpan<byte> text, bool parseSpecial = false, bool isStart = false)
    {
        var tokens = new List<int>();
        Tokenizer.Encode(text, tokens, parseSpecial, isStart);
        return [.. tokens];
    }

    /// <summary>Text of tokens, control tokens written out.</summary>
    public string Decode(ReadOnlySpan<int> tokens) => Tokenizer.Decode(tokens);

    /// <summary>The bytes a token stands for; none for the padding of a vocabulary.</summary>
    public ReadOnlySpan<byte> TokenBytes(int token) =>
        token < Tokenizer.Vocabulary.Count ? Tokenizer.TokenBytes(token) : default;

    /// <summary>True for a token that ends an answer.</summary>
    public bool IsEndToken(int token) =>
        token < Tokenizer.Vocabulary.Count && Tokenizer.IsEndOfGeneration(token);

    /// <summary>Tokens of a conversation up to where the model answers.</summary>
    /// <param name="messages">The messages in order.</param>
    /// <param name="think">Lets the model think first.</param>
    /// <exception cref="MetalMoeException">The format has no place for a message.</exception>
    public int[] EncodeChat(IReadOnlyList<ChatMessage> messages, bool think = true) =>
        [.. CreateChatPrompt(messages, new() { EnableThinking = think }).Tokens];

    /// <summary>
    /// Renders a conversation with the chat template. Only the template makes control tokens:
    /// their names inside messages, calls and tools stay text.
    /// </summary>
    /// <param name="messages">The messages in order.</param>
    /// <param name="options">Tools, thinking and the like.</param>
    /// <exception cref="MetalMoeException">The format has no place for a message or a tool.
    /// </exception>
    public ChatPrompt CreateChatPrompt(
        IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        var guard = _guard.Value;
        string prompt = ChatTemplate.Render(
            [.. messages.Select(guard.Protect)],
            options with { Tools = [.. options.Tools.Select(guard.Protect)] });
        // Templates write the token that begins a sequence themselves.
        return new ChatPrompt(
            guard.Encode(prompt),
            prompt.AsSpan().TrimEnd().EndsWith("<think>", StringComparison.Ordinal));
    }
}
