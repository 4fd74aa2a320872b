using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Jinja;

namespace MetalMoe;

/// <summary>Text to tokens and back, for one model. Thread-safe.</summary>
public sealed class ModelText
{
    private readonly Lazy<IChatTemplate> _chatTemplate;

    private ModelText(GgufFile file, string? chatTemplate)
    {
        Tokenizer = new Tokenizer(Vocabulary.Load(file));
        if (chatTemplate is not null)
        {
            var given = new JinjaChatTemplate(
                JinjaTemplate.Parse(chatTemplate, "chat template"), null,
                TextOf(Tokenizer.Vocabulary.BosId), TextOf(Tokenizer.Vocabulary.EosId));
            _chatTemplate = new(given);
            return;
        }
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
    /// <param name="file">The file.</param>
    /// <param name="chatTemplate">Jinja source to use in place of the file's own template.</param>
    public static ModelText Load(GgufFile file, string? chatTemplate = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new ModelText(file, chatTemplate);
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

    /// <summary>Tokens of a conversation up to where the model answers. Names of control tokens
    /// in the messages are text, not tokens.</summary>
    /// <param name="messages">The messages in order.</param>
    /// <param name="think">Lets the model think first.</param>
    /// <exception cref="MetalMoeException">The format has no place for a message.</exception>
    public int[] EncodeChat(IReadOnlyList<ChatMessage> messages, bool think = true) =>
        CreateChatPrompt(messages, new ChatTemplateOptions { EnableThinking = think }).Tokens;

    /// <summary>
    /// Renders a conversation with the chat template. Only the template makes control tokens:
    /// their names inside messages, calls, tools and variables stay text.
    /// </summary>
    /// <param name="messages">The messages in order.</param>
    /// <param name="options">Tools, thinking and the like.</param>
    /// <exception cref="MetalMoeException">The format has no place for a message or a tool.
    /// </exception>
    public ChatPrompt CreateChatPrompt(
        IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        // Templates write the token that begins a sequence themselves.
        var prompt = ChatPromptEncoder.Encode(Tokenizer, ChatTemplate, messages, options);
        bool isThinking = options.AddGenerationPrompt
            && prompt.Text.AsSpan().TrimEnd().EndsWith("<think>");
        return new ChatPrompt(prompt.Tokens, isThinking)
        {
            Text = prompt.Text,
            ConversationLength = options.AddGenerationPrompt
                ? CountConversation(prompt.Tokens, messages, options) : prompt.Tokens.Length,
        };
    }

    /// <summary>How many tokens are the messages alone, without the invitation to answer.
    /// </summary>
    private int CountConversation(
        int[] prompt, IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        try
        {
            int[] alone = ChatPromptEncoder.Encode(
                Tokenizer, ChatTemplate, messages,
                options with { AddGenerationPrompt = false }).Tokens;
            return prompt.AsSpan().CommonPrefixLength(alone);
        }
        catch (MetalMoeException)
        {
            // A template may refuse a conversation that it is not asked to continue.
            return 0;
        }
    }

    private string TextOf(int? token) => token is { } id ? Tokenizer.Decode([id]) : "";
}
