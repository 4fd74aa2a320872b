using System.Globalization;
using System.Text.Json;
using MetalMoe.Core;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;
using Microsoft.Extensions.AI;

namespace MetalMoe.Chat;

/// <summary>Turns the options of Microsoft.Extensions.AI into ours, and notes those that have no
/// effect.</summary>
internal sealed class ChatRequestMapper(
    MetalMoeChatClientOptions client, string modelId, ChatGrammars grammars)
{
    public const string ThinkingKey = "enable_thinking";
    public const string MinPKey = "min_p";
    public const string RepetitionPenaltyKey = "repetition_penalty";
    public const string TopLogProbabilitiesKey = "top_logprobs";
    public const string GrammarKey = "grammar";

    /// <summary>The request; nothing of it is mapped silently to something else.</summary>
    /// <exception cref="MetalMoeException">An option or a message is not possible.</exception>
    public ChatRequest Map(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions? options,
        IChatClient sender)
    {
        options ??= new ChatOptions();
        var ignored = new List<string>();
        var tools = Tools(options, ignored);
        bool severalCalls = options.AllowMultipleToolCalls ?? true;
        var generation = Sampling(Base(options, sender, ignored), options);
        generation = Additional(generation, options, ignored) with
        {
            MaxTokens = options.MaxOutputTokens ?? generation.MaxTokens,
            StopStrings = options.StopSequences is { Count: > 0 } stops
                ? [.. stops] : generation.StopStrings,
            OperationName = "chat",
        };
        if (Grammar(options, tools, severalCalls) is { } grammar)
        {
            generation = generation with { Grammar = grammar };
        }
        NoteIgnored(options, ignored);
        generation.Validate();
        return new ChatRequest
        {
            Messages = ChatMessageMapper.Map(messages, options.Instructions),
            Template = new ChatTemplateOptions
            {
                EnableThinking = Thinking(options),
                Tools = tools,
                Variables = Variables(options),
            },
            Generation = generation,
            AllowsSeveralCalls = severalCalls,
            ShowsReasoning = options.Reasoning?.Output != ReasoningOutput.None,
            IgnoredOptions = ignored,
        };
    }

    private GenerationOptions Base(
        ChatOptions options, IChatClient sender, List<string> ignored)
    {
        switch (options.RawRepresentationFactory?.Invoke(sender))
        {
            case null:
                return client.Defaults;
            case GenerationOptions raw:
                return raw;
            default:
                ignored.Add(nameof(options.RawRepresentationFactory));
                return client.Defaults;
        }
    }

    private static GenerationOptions Sampling(GenerationOptions generation, ChatOptions options)
    {
        var given = generation.Sampling;
        ulong seed = options.Seed is { } chosen ? unchecked((ulong)chosen)
            : given.Seed != 0 ? given.Seed : (ulong)Random.Shared.NextInt64();
        return generation with
        {
            Sampling = given with
            {
                Temperature = options.Temperature ?? given.Temperature,
                TopP = options.TopP ?? given.TopP,
                TopK = options.TopK ?? given.TopK,
                FrequencyPenalty = options.FrequencyPenalty ?? given.FrequencyPenalty,
                PresencePenalty = options.PresencePenalty ?? given.PresencePenalty,
                Seed = seed,
            },
        };
    }

    private GenerationOptions Additional(
        GenerationOptions generation, ChatOptions options, List<string> ignored)
    {
        foreach (var (key, value) in options.AdditionalProperties ?? [])
        {
            var sampling = generation.Sampling;
            switch (key)
            {
                case ThinkingKey when TryBoolean(value, out _):
                    break;
                case MinPKey when TryNumber(value, out double minP):
                    generation = generation with
                    {
                        Sampling = sampling with { MinP = (float)minP },
                    };
                    break;
                case RepetitionPenaltyKey when TryNumber(value, out double penalty):
                    generation = generation with
                    {
                        Sampling = sampling with { RepetitionPenalty = (float)penalty },
                    };
                    break;
                case TopLogProbabilitiesKey when TryNumber(value, out double count)
                    && double.IsInteger(count) && Math.Abs(count) < int.MaxValue:
                    generation = generation with { TopLogProbabilities = (int)count };
                    break;
                case GrammarKey when value is TextGrammar grammar:
                    generation = generation with { Grammar = grammar };
                    break;
                case GrammarKey when value is string gbnf:
                    generation = generation with { Grammar = grammars.OfGbnf(gbnf) };
                    break;
                default:
                    ignored.Add($"{nameof(options.AdditionalProperties)}.{key}");
                    break;
            }
        }
        return generation;
    }

    private static List<ChatTool> Tools(ChatOptions options, List<string> ignored)
    {
        var tools = new List<ChatTool>();
        foreach (var tool in options.Tools ?? [])
        {
            if (tool is AIFunctionDeclaration function)
            {
                tools.Add(new ChatTool(function.Name,
                    function.Description.Length > 0 ? function.Description : null,
                    function.JsonSchema));
            }
            else
            {
                ignored.Add($"{nameof(options.Tools)}.{tool.Name}");
            }
        }
        return options.ToolMode is NoneChatToolMode ? [] : tools;
    }

    /// <summary>What the answer must be: JSON of a schema, a call, or either.</summary>
    private TextGrammar? Grammar(
        ChatOptions options, List<ChatTool> tools, bool severalCalls)
    {
        JsonElement? schema = options.ResponseFormat is ChatResponseFormatJson json
            ? json.Schema ?? ChatGrammars.AnyObject : null;
        if (options.ToolMode is RequiredChatToolMode required)
        {
            var demanded = required.RequiredFunctionName is { } name
                ? tools.FindAll(tool => tool.Name == name) : tools;
            return demanded.Count > 0
                ? grammars.OfCalls(demanded, severalCalls, null)
                : throw new MetalMoeException("[chat] tool mode: expected a tool to require, got "
                    + (required.RequiredFunctionName ?? "no tools"));
        }
        return schema is not { } answer ? null
            : tools.Count > 0 ? grammars.OfCalls(tools, severalCalls, answer)
            : grammars.OfSchema(answer);
    }

    private bool? Thinking(ChatOptions options) =>
        options.Reasoning?.Effort is { } effort ? effort != ReasoningEffort.None
        : options.AdditionalProperties?.TryGetValue(ThinkingKey, out object? value) == true
            && TryBoolean(value, out bool think) ? think
        : client.EnableThinking;

    /// <summary>Templates that grade the effort read it under this name.</summary>
    private static Dictionary<string, JsonElement> Variables(ChatOptions options)
    {
        string? effort = options.Reasoning?.Effort switch
        {
            ReasoningEffort.Low => "\"low\"",
            ReasoningEffort.Medium => "\"medium\"",
            ReasoningEffort.High or ReasoningEffort.ExtraHigh => "\"high\"",
            _ => null,
        };
        return effort is null
            ? [] : new() { ["reasoning_effort"] = JsonElement.Parse(effort) };
    }

    private void NoteIgnored(ChatOptions options, List<string> ignored)
    {
        Note(options.ConversationId is not null, nameof(options.ConversationId));
        Note(options.ModelId is { } id && id != modelId, nameof(options.ModelId));
        Note(options.AllowBackgroundResponses == true, nameof(options.AllowBackgroundResponses));
        Note(options.ContinuationToken is not null, nameof(options.ContinuationToken));
        Note(options.Reasoning?.Output == ReasoningOutput.Summary,
            $"{nameof(options.Reasoning)}.{nameof(ReasoningOutput.Summary)}");

        void Note(bool isGiven, string name)
        {
            if (isGiven)
            {
                ignored.Add(name);
            }
        }
    }

    private static bool TryBoolean(object? value, out bool found)
    {
        found = value is true or JsonElement { ValueKind: JsonValueKind.True };
        return found || value is false or JsonElement { ValueKind: JsonValueKind.False };
    }

    private static bool TryNumber(object? value, out double found)
    {
        found = 0;
        if (value is JsonElement { ValueKind: JsonValueKind.Number } element)
        {
            return element.TryGetDouble(out found);
        }
        if (value is not (int or long or float or double or decimal))
        {
            return false;
        }
        found = Convert.ToDouble(value, CultureInfo.InvariantCulture);
        return true;
    }
}
