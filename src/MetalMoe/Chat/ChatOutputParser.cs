using System.Text;
using MetalMoe.Core.Text;

namespace MetalMoe.Chat;

/// <summary>What a parser of an assistant's output expects.</summary>
public sealed record ChatOutputOptions
{
    /// <summary>The tools that were offered. Without any, tool calls are plain text.</summary>
    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    /// <summary>The prompt ended inside <c>&lt;think&gt;</c>, so the output begins with thoughts.
    /// </summary>
    public bool StartsInReasoning { get; init; }
}

/// <summary>
/// Splits an assistant's output, as it streams in, into thoughts, text and tool calls. Calls may
/// be in the XML of Qwen3.5 (<c>&lt;tool_call&gt;&lt;function=NAME&gt;&lt;parameter=K&gt;</c>,
/// the outer mark optional) or in hermes JSON
/// (<c>&lt;tool_call&gt;{"name":..., "arguments":{...}}&lt;/tool_call&gt;</c>), several of them,
/// with text between. No text is lost but white space around marks. One instance serves one
/// answer; not thread-safe.
/// </summary>
public sealed class ChatOutputParser
{
    internal const string ThinkOpen = "<think>";
    internal const string ThinkClose = "</think>";
    internal const string CallOpen = "<tool_call>";
    internal const string CallClose = "</tool_call>";
    internal const string FunctionOpen = "<function=";
    internal const string FunctionClose = "</function>";

    private static readonly string[] _reasoningMarks = [ThinkClose];
    private static readonly string[] _firstMarks = [ThinkOpen];
    private static readonly string[] _callMarks = [CallOpen, FunctionOpen];
    private static readonly string[] _firstAndCallMarks = [ThinkOpen, CallOpen, FunctionOpen];
    private static readonly string[] _afterCallMarks = [CallClose, CallOpen, FunctionOpen];

    private readonly ChatOutputOptions _options;
    private readonly StringBuilder _call = new();
    private State _state;
    private string _held = "";
    private bool _skipsSpace;
    private bool _isBare;
    private int _searched;

    /// <summary>A parser for one answer.</summary>
    public ChatOutputParser(ChatOutputOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _state = options.StartsInReasoning ? State.Reasoning : State.Beginning;
        _skipsSpace = options.StartsInReasoning;
    }

    private enum State
    {
        /// <summary>Nothing but white space so far: the model may open its thoughts itself.
        /// </summary>
        Beginning,
        Reasoning,
        Text,

        /// <summary>As Text, right behind a call: a closing mark of it may still come.</summary>
        BehindCall,
        Call,
    }

    /// <summary>Takes a piece of the output.</summary>
    /// <param name="piece">Text; may end anywhere, inside a mark too.</param>
    /// <param name="parts">Gets what is certain now, in order; often nothing or one part.</param>
    public void Append(string piece, ICollection<ChatOutputPart> parts)
    {
        ArgumentNullException.ThrowIfNull(piece);
        ArgumentNullException.ThrowIfNull(parts);
        string text = _held.Length == 0 ? piece : _held + piece;
        _held = "";
        while (text.Length > 0)
        {
            text = _state == State.Call ? ReadCall(text, parts) : ReadText(text, parts);
        }
    }

    /// <summary>Ends the output: what was held back comes out, and a call that has no end mark is
    /// read as it is.</summary>
    public void Complete(ICollection<ChatOutputPart> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        while (_state == State.Call)
        {
            string rest = EndCall(parts);
            Append(rest, parts);
        }
        Add(KindOfText, _state == State.Reasoning ? _held.TrimEnd() : _held, parts);
        _held = "";
    }

    /// <summary>True while what comes in belongs to the thoughts.</summary>
    public bool IsInReasoning => _state == State.Reasoning;

    private ChatOutputKind KindOfText =>
        _state == State.Reasoning ? ChatOutputKind.Reasoning : ChatOutputKind.Text;

    private string[] Marks => _state switch
    {
        State.Reasoning => _reasoningMarks,
        State.Beginning => _options.Tools.Count > 0 ? _firstAndCallMarks : _firstMarks,
        _ when _options.Tools.Count == 0 => [],
        State.BehindCall => _afterCallMarks,
        _ => _callMarks,
    };

    private static void Add(ChatOutputKind kind, string text, ICollection<ChatOutputPart> parts)
    {
        if (text.Length > 0)
        {
            parts.Add(new ChatOutputPart(kind, text));
        }
    }

    /// <summary>Passes text on up to the next mark; returns what is behind the mark.</summary>
    private string ReadText(string text, ICollection<ChatOutputPart> parts)
    {
        if (_skipsSpace)
        {
            text = text.TrimStart();
            if (text.Length == 0)
            {
                return "";
            }
        }
        var (at, mark) = FirstMark(text, Marks);
        if (mark is null)
        {
            int certain = text.Length - HeldLength(text);
            Pass(certain == text.Length ? text : text[..certain], parts);
            _held = text[certain..];
            return "";
        }
        bool dropsSpace = mark is not ThinkOpen;
        string before = dropsSpace ? text[..at].TrimEnd() : text[..at];
        if (mark is ThinkOpen or CallClose && !string.IsNullOrWhiteSpace(before))
        {
            // Only a mark at the very beginning opens thoughts, only the next one closes a call.
            _state = State.Text;
            Pass(text[..(at + mark.Length)], parts);
            return text[(at + mark.Length)..];
        }
        if (mark is not (ThinkOpen or CallClose))
        {
            Pass(before, parts);
        }
        Enter(mark);
        return text[(at + (_isBare && _state == State.Call ? 0 : mark.Length))..];
    }

    private void Enter(string mark)
    {
        _skipsSpace = true;
        switch (mark)
        {
            case ThinkOpen:
                _state = State.Reasoning;
                break;
            case ThinkClose:
            case CallClose:
                _state = State.Text;
                break;
            default:
                _isBare = mark == FunctionOpen;
                _state = State.Call;
                _call.Clear();
                _searched = 0;
                break;
        }
    }

    private void Pass(string text, ICollection<ChatOutputPart> parts)
    {
        if (text.Length == 0)
        {
            return;
        }
        Add(KindOfText, text, parts);
        _skipsSpace = false;
        bool isBlank = _state is State.Beginning && string.IsNullOrWhiteSpace(text);
        _state = _state is State.Reasoning || isBlank ? _state : State.Text;
    }

    private string ReadCall(string text, ICollection<ChatOutputPart> parts)
    {
        _call.Append(text);
        string all = _call.ToString(_searched, _call.Length - _searched);
        string close = _isBare ? FunctionClose : CallClose;
        for (int from = 0; ;)
        {
            int at = all.IndexOf(close, from, StringComparison.Ordinal);
            if (at < 0)
            {
                // An end mark may be half here.
                _searched += Math.Max(0, all.Length - close.Length + 1);
                return "";
            }
            int end = _searched + at + close.Length;
            string body = _call.ToString(0, end);
            if (ToolCallReader.CanEnd(body, _isBare))
            {
                string rest = _call.ToString(end, _call.Length - end);
                FinishCall(body, parts);
                return rest;
            }
            from = at + close.Length;
        }
    }

    /// <summary>The output has ended inside a call: reads it up to its first end mark, if there
    /// was one that did not count, else as it is.</summary>
    private string EndCall(ICollection<ChatOutputPart> parts)
    {
        string all = _call.ToString();
        int at = _isBare ? -1 : all.IndexOf(CallClose, StringComparison.Ordinal);
        if (at < 0)
        {
            FinishCall(all, parts);
            return "";
        }
        int end = at + CallClose.Length;
        FinishCall(all[..end], parts);
        return all[end..];
    }

    private void FinishCall(string body, ICollection<ChatOutputPart> parts)
    {
        string open = _isBare ? "" : CallOpen;
        string raw = open + body;
        string inner = !_isBare && body.EndsWith(CallClose, StringComparison.Ordinal)
            ? body[..^CallClose.Length] : body;
        parts.Add(ToolCallReader.TryRead(inner, _options.Tools, out var call, out string error)
            ? new ChatOutputPart(ChatOutputKind.ToolCall, raw, call)
            : new ChatOutputPart(ChatOutputKind.MalformedToolCall, raw, null, error));
        _state = _isBare ? State.BehindCall : State.Text;
        _skipsSpace = true;
        _call.Clear();
        _searched = 0;
    }

    private static (int At, string? Mark) FirstMark(string text, string[] marks)
    {
        (int At, string? Mark) first = (-1, null);
        foreach (string mark in marks)
        {
            int at = text.IndexOf(mark, StringComparison.Ordinal);
            if (at >= 0 && (first.Mark is null || at < first.At))
            {
                first = (at, mark);
            }
        }
        return first;
    }

    /// <summary>How much of the end may still become a mark, with the white space before it.
    /// </summary>
    private int HeldLength(string text)
    {
        int longest = 0;
        string[] marks = Marks;
        foreach (string mark in marks)
        {
            for (int n = Math.Min(mark.Length - 1, text.Length); n > longest; n--)
            {
                if (text.AsSpan(text.Length - n).SequenceEqual(mark.AsSpan(0, n)))
                {
                    longest = n;
                }
            }
        }
        if (marks.Length == 0)
        {
            return 0;
        }
        int visible = text.AsSpan(0, text.Length - longest).TrimEnd().Length;
        return text.Length - visible;
    }
}
