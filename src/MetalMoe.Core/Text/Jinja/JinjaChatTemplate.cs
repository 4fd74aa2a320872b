using MetalMoe.Core.Gguf;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// The chat template that a model brings along, executed with the variables that model
/// repositories write theirs for: <c>messages</c>, <c>tools</c>, <c>add_generation_prompt</c>,
/// <c>enable_thinking</c> (also as <c>thinking</c>, its name in some families), <c>bos_token</c>,
/// <c>eos_token</c> and whatever the caller adds. What is not given is undefined.
/// </summary>
public sealed class JinjaChatTemplate : IChatTemplate
{
    private const string TemplateKey = "tokenizer.chat_template";
    private const string ToolTemplateKey = "tokenizer.chat_template.tool_use";

    private readonly JinjaTemplate _template;
    private readonly JinjaTemplate? _toolTemplate;
    private readonly JinjaValue _bosToken;
    private readonly JinjaValue _eosToken;
    private readonly JinjaLimits _limits;
    private readonly TimeProvider _clock;

    /// <summary>Makes a chat template of parsed Jinja.</summary>
    /// <param name="template">The template.</param>
    /// <param name="toolTemplate">A second one for conversations with tools, if any.</param>
    /// <param name="bosToken">Text of the token that begins a sequence; may be empty.</param>
    /// <param name="eosToken">Text of the token that ends a sequence; may be empty.</param>
    /// <param name="limits">What a rendering may spend.</param>
    /// <param name="clock">What a template that prints the date reads.</param>
    public JinjaChatTemplate(
        JinjaTemplate template,
        JinjaTemplate? toolTemplate = null,
        string bosToken = "",
        string eosToken = "",
        JinjaLimits? limits = null,
        TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        _template = template;
        _toolTemplate = toolTemplate;
        _bosToken = JinjaValue.From(bosToken);
        _eosToken = JinjaValue.From(eosToken);
        _limits = limits ?? JinjaLimits.Default;
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>
    /// Reads the template from a model's metadata; null when the model brings none.
    /// </summary>
    /// <param name="metadata">The model file's metadata.</param>
    /// <param name="tokenText">The text of a token id, special tokens included.</param>
    /// <param name="limits">What a rendering may spend.</param>
    /// <exception cref="JinjaException">The template is not one that can be run.</exception>
    public static JinjaChatTemplate? Load(
        GgufMetadata metadata, Func<int, string> tokenText, JinjaLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentNullException.ThrowIfNull(tokenText);
        if (!metadata.TryGetString(TemplateKey, out string? source))
        {
            return null;
        }
        var toolTemplate = metadata.TryGetString(ToolTemplateKey, out string? toolSource)
            ? JinjaTemplate.Parse(toolSource, ToolTemplateKey, limits)
            : null;
        string Token(string key) =>
            metadata.Contains(key) ? tokenText((int)metadata.GetUInt32(key)) : "";
        return new JinjaChatTemplate(
            JinjaTemplate.Parse(source, TemplateKey, limits),
            toolTemplate,
            Token("tokenizer.ggml.bos_token_id"),
            Token("tokenizer.ggml.eos_token_id"),
            limits);
    }

    /// <inheritdoc/>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options) =>
        Render(messages, options, CancellationToken.None);

    /// <summary>Renders the prompt. Safe to call from several threads.</summary>
    /// <param name="messages">The conversation, oldest message first.</param>
    /// <param name="options">Tools, thinking and the like.</param>
    /// <param name="cancellationToken">Ends the rendering early.</param>
    /// <exception cref="JinjaException">The template refuses the conversation.</exception>
    public string Render(
        IReadOnlyList<ChatMessage> messages,
        ChatTemplateOptions options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        var variables = options.Variables.ToDictionary(
            entry => entry.Key, entry => JinjaValue.From(entry.Value));
        variables["messages"] = JinjaValue.From(messages.Select(Message));
        variables["add_generation_prompt"] = JinjaValue.From(options.AddGenerationPrompt);
        variables["bos_token"] = _bosToken;
        variables["eos_token"] = _eosToken;
        if (options.EnableThinking is { } thinking)
        {
            variables["enable_thinking"] = JinjaValue.From(thinking);
            variables["thinking"] = JinjaValue.From(thinking);
        }
        // No tools means no variable: some templates take an empty list, or none, for tools.
        variables.Remove("tools");
        if (options.Tools.Count > 0)
        {
            variables["tools"] = JinjaValue.From(options.Tools.Select(Tool));
        }
        var template = options.Tools.Count > 0 ? _toolTemplate ?? _template : _template;
        return template.Render(variables, _limits, _clock, cancellationToken);
    }

    private static JinjaValue Message(ChatMessage message)
    {
        var entries = new List<KeyValuePair<string, JinjaValue>>
        {
            Entry("role", JinjaValue.From(message.Role)),
            Entry("content", JinjaValue.From(message.Content)),
        };
        AddText("reasoning_content", message.ReasoningContent);
        if (message.ToolCalls.Count > 0)
        {
            entries.Add(Entry("tool_calls", JinjaValue.From(message.ToolCalls.Select(ToolCall))));
        }
        AddText("tool_call_id", message.ToolCallId);
        AddText("name", message.Name);
        return JinjaValue.From(entries);

        void AddText(string key, string? text)
        {
            if (text is not null)
            {
                entries.Add(Entry(key, JinjaValue.From(text)));
            }
        }
    }

    private static JinjaValue ToolCall(ChatToolCall call) => JinjaValue.From(
    [
        Entry("id", JinjaValue.From(call.Id)),
        Entry("type", JinjaValue.From("function")),
        Entry("function", JinjaValue.From(
        [
            Entry("name", JinjaValue.From(call.Name)),
            Entry("arguments", JinjaValue.From(call.Arguments)),
        ])),
    ]);

    private static JinjaValue Tool(ChatTool tool)
    {
        List<KeyValuePair<string, JinjaValue>> function =
            [Entry("name", JinjaValue.From(tool.Name))];
        if (tool.Description is not null)
        {
            function.Add(Entry("description", JinjaValue.From(tool.Description)));
        }
        function.Add(Entry("parameters", JinjaValue.From(tool.Parameters)));
        return JinjaValue.From(
        [
            Entry("type", JinjaValue.From("function")),
            Entry("function", JinjaValue.From(function)),
        ]);
    }

    private static KeyValuePair<string, JinjaValue> Entry(string key, JinjaValue value) =>
        KeyValuePair.Create(key, value);
}
