using System.Text.Json;
using MetalMoe.Chat;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>Turns questions into prompts, grammars and options.</summary>
internal sealed class JobBuilder(
    MoeModel model, ServerOptions options, GrammarStore grammars)
{
    private const string ThinkClose = "</think>";

    /// <exception cref="ApiException">The question asks for what cannot be.</exception>
    /// <exception cref="Core.MetalMoeException">The template, a schema or an option refuses.
    /// </exception>
    public AnswerJob Build(ChatQuestion question)
    {
        bool offersTools = question.Tools.Count > 0 && question.ToolChoice.Kind != "none";
        ChatTool[] tools = offersTools ? [.. question.Tools] : [];
        var prompt = model.Text.CreateChatPrompt(question.Messages, Template(question, tools));
        var grammar = GrammarOf(question, tools);
        return new AnswerJob(
            prompt.Tokens,
            new GenerationOptions
            {
                MaxTokens = question.MaxTokens ?? int.MaxValue,
                Sampling = SamplingReader.Read(
                    question.Sampling, options.Sampling, model.VocabularySize),
                StopStrings = SamplingReader.ReadStops(question.Sampling),
                TopLogProbabilities = question.TopLogprobs,
                OperationName = "chat",
                Grammar = grammar,
                GrammarAfter = grammar is not null && prompt.StartsInReasoning
                    ? ThinkClose : null,
            },
            new ChatOutputOptions
            {
                Tools = tools,
                StartsInReasoning = prompt.StartsInReasoning,
            },
            EndsAtFirstCall: !question.ParallelToolCalls)
        {
            ConversationLength = prompt.ConversationLength,
        };
    }

    private static ChatTemplateOptions Template(ChatQuestion question, ChatTool[] tools)
    {
        var variables = new Dictionary<string, JsonElement>(question.TemplateVariables);
        bool? think = null;
        if (variables.Remove("enable_thinking", out var asked))
        {
            think = asked.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? asked.ValueKind == JsonValueKind.True
                : throw ApiException.BadField(
                    "chat_template_kwargs.enable_thinking", "true or false", "other");
        }
        if (question.ReasoningEffort is { } effort)
        {
            if (effort is not ("none" or "minimal" or "low" or "medium" or "high" or "xhigh"))
            {
                throw ApiException.BadField(
                    "reasoning_effort", "none, minimal, low, medium, high or xhigh", "other");
            }
            think = effort != "none";
            variables["reasoning_effort"] = JsonElement.Parse($"\"{effort}\"");
        }
        return new ChatTemplateOptions
        {
            EnableThinking = think,
            Tools = tools,
            Variables = variables,
        };
    }

    private TextGrammar? GrammarOf(ChatQuestion question, ChatTool[] tools)
    {
        bool allowSeveral = question.ParallelToolCalls;
        return question switch
        {
            { ToolChoice: { IsRequired: true, Name: { } name } } => grammars.ForCalls(
                [.. tools.Where(tool => tool.Name == name)], allowSeveral: false, null),
            { ToolChoice.IsRequired: true } => grammars.ForCalls(tools, allowSeveral, null),
            // The model may call, or answer in the form that was asked for.
            { Schema: { } schema } when tools.Length > 0 =>
                grammars.ForCalls(tools, allowSeveral, schema),
            { Schema: { } schema } => grammars.ForSchema(schema),
            _ => null,
        };
    }
}
