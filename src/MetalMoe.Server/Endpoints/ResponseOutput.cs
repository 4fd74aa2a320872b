using System.Text;
using MetalMoe.Chat;
using MetalMoe.Server.Api;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>
/// Makes the items of a response out of an answer's parts, and tells of each change as an event
/// where somebody listens.
/// </summary>
internal sealed class ResponseOutput(string model, ChatQuestion question)
{
    private readonly string _id = ServerContext.NewId("resp_");
    private readonly long _created = ServerContext.Now();
    private readonly List<OutputItemJson> _items = [];
    private readonly StringBuilder _text = new();
    private OutputItemJson? _open;
    private AnswerEnd? _end;
    private int _sequence;

    /// <summary>Where an event goes.</summary>
    public delegate void EventHandler(ResponseEventJson value);

    public bool IsIncomplete => _end?.Reason == "length";

    /// <summary>A new event with the next number.</summary>
    public ResponseEventJson Event(string type) => new(type, _sequence++);

    /// <summary>Takes a step.</summary>
    public void Add(AnswerStep step, EventHandler? listen)
    {
        foreach (var part in step.Parts)
        {
            if (part.Kind == ChatOutputKind.ToolCall)
            {
                Close("completed", listen);
                AddCall(part.ToolCall!, listen);
                continue;
            }
            string type = part.Kind == ChatOutputKind.Reasoning ? "reasoning" : "message";
            if (_open?.Type != type)
            {
                Close("completed", listen);
                Open(type, listen);
            }
            _text.Append(part.Text);
            listen?.Invoke(InText(Event($"response.{TextType}.delta")) with
            {
                Delta = part.Text,
                Logprobs = type == "message" ? [] : null,
            });
        }
        if (step.End is { } end)
        {
            _end = end;
            Close(IsIncomplete ? "incomplete" : "completed", listen);
        }
    }

    /// <summary>The response as far as it is.</summary>
    public ResponseJson ToJson(ErrorDetailJson? error = null) => new(
        _id, "response", _created,
        error is not null ? "failed" : _end is null ? "in_progress"
            : IsIncomplete ? "incomplete" : "completed",
        model, [.. _items], question.ParallelToolCalls, question.ToolChoice.Kind, [], false)
    {
        IncompleteDetails = IsIncomplete ? new IncompleteJson("max_output_tokens") : null,
        Error = error,
        Usage = _end is null ? null : new ResponseUsageJson(
            _end.PromptTokens, new InputTokenDetailsJson(_end.CachedTokens),
            _end.GeneratedTokens, new CompletionTokenDetailsJson(_end.ReasoningTokens),
            _end.PromptTokens + _end.GeneratedTokens),
    };

    private string TextType => _open!.Type == "reasoning" ? "reasoning_text" : "output_text";

    private OutputContentJson Content() => new(TextType, _text.ToString())
    {
        Annotations = _open!.Type == "message" ? [] : null,
    };

    private ResponseEventJson InItem(ResponseEventJson value, string id) =>
        value with { OutputIndex = _items.Count, ItemId = id };

    private ResponseEventJson InText(ResponseEventJson value) =>
        InItem(value, _open!.Id) with { ContentIndex = 0 };

    private void Open(string type, EventHandler? listen)
    {
        bool isMessage = type == "message";
        _open = new OutputItemJson(type, ServerContext.NewId(isMessage ? "msg_" : "rs_"))
        {
            Status = "in_progress",
            Role = isMessage ? "assistant" : null,
            Content = [],
            Summary = isMessage ? null : [],
        };
        listen?.Invoke(
            Event("response.output_item.added") with { OutputIndex = _items.Count, Item = _open });
        if (isMessage)
        {
            listen?.Invoke(
                InText(Event("response.content_part.added")) with { Part = Content() });
        }
    }

    private void Close(string status, EventHandler? listen)
    {
        if (_open is null)
        {
            return;
        }
        var content = Content();
        listen?.Invoke(InText(Event($"response.{TextType}.done")) with
        {
            Text = content.Text,
            Logprobs = _open.Type == "message" ? [] : null,
        });
        if (_open.Type == "message")
        {
            listen?.Invoke(
                InText(Event("response.content_part.done")) with { Part = content });
        }
        Finish(_open with { Status = status, Content = [content] }, listen);
        _open = null;
        _text.Clear();
    }

    private void AddCall(ParsedToolCall call, EventHandler? listen)
    {
        string arguments = call.Arguments.GetRawText();
        var item = new OutputItemJson("function_call", ServerContext.NewId("fc_"))
        {
            Status = "completed",
            CallId = ServerContext.NewId("call_"),
            Name = call.Name,
            Arguments = arguments,
        };
        listen?.Invoke(Event("response.output_item.added") with
        {
            OutputIndex = _items.Count,
            Item = item with { Status = "in_progress", Arguments = "" },
        });
        listen?.Invoke(
            InItem(Event("response.function_call_arguments.delta"), item.Id) with
            {
                Delta = arguments,
            });
        listen?.Invoke(
            InItem(Event("response.function_call_arguments.done"), item.Id) with
            {
                Arguments = arguments,
            });
        Finish(item, listen);
    }

    private void Finish(OutputItemJson item, EventHandler? listen)
    {
        listen?.Invoke(
            Event("response.output_item.done") with { OutputIndex = _items.Count, Item = item });
        _items.Add(item);
    }
}
