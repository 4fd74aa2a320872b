using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>How <c>tojson</c> lays out its text; the defaults are chat templates'.</summary>
internal sealed record JsonLayout(
    bool EnsureAscii = false,
    string? Indent = null,
    string? ItemSeparator = null,
    string KeySeparator = ": ",
    bool SortKeys = false);

/// <summary>Python's <c>json.dumps</c>.</summary>
internal sealed class PythonJson(RenderContext context, JsonLayout layout)
{
    private readonly StringBuilder _output = new();
    private readonly string _itemSeparator =
        layout.ItemSeparator ?? (layout.Indent is null ? ", " : ",");

    public string Write(JinjaValue value)
    {
        WriteValue(value, 0);
        context.AllocateText(_output.Length);
        return _output.ToString();
    }

    private void WriteValue(JinjaValue value, int level)
    {
        context.Step();
        context.Enter();
        int before = _output.Length;
        switch (value)
        {
            case NoneValue:
                _output.Append("null");
                break;
            case BoolValue boolean:
                _output.Append(boolean.Value ? "true" : "false");
                break;
            case IntValue or FloatValue:
                _output.Append(Number(value));
                break;
            case StringValue text:
                WriteString(text.Text);
                break;
            case ListValue list:
                WriteList(list, level);
                break;
            case DictValue dict:
                WriteDict(dict, level);
                break;
            default:
                throw context.Error(
                    $"Object of type {value.TypeName} is not JSON serializable");
        }
        context.Work((_output.Length - before) >> 5);
        if (_output.Length > context.Limits.MaxOutputLength)
        {
            throw context.Limit($"more than {context.Limits.MaxOutputLength} characters of JSON");
        }
        context.Leave();
    }

    private static string Number(JinjaValue value) => value is FloatValue number
        ? double.IsFinite(number.Value) ? PythonText.Number(number.Value)
            : double.IsNaN(number.Value) ? "NaN"
            : number.Value > 0 ? "Infinity" : "-Infinity"
        : PythonText.Repr(value);

    private void WriteList(ListValue list, int level)
    {
        if (list.Items.Count == 0)
        {
            _output.Append("[]");
            return;
        }
        _output.Append('[');
        for (int i = 0; i < list.Items.Count; i++)
        {
            _output.Append(i > 0 ? _itemSeparator : "");
            NewLine(level + 1);
            WriteValue(list.Items[i], level + 1);
        }
        NewLine(level);
        _output.Append(']');
    }

    private void WriteDict(DictValue dict, int level)
    {
        if (dict.Entries.Count == 0)
        {
            _output.Append("{}");
            return;
        }
        _output.Append('{');
        IEnumerable<KeyValuePair<JinjaValue, JinjaValue>> entries = dict.Entries;
        if (layout.SortKeys)
        {
            context.Work(4L * dict.Entries.Count);
            entries = Sorting.Stable(
                entries, (a, b) => Equality.Compare(context, a.Key, b.Key, "<") ?? 0);
        }
        int count = 0;
        foreach (var (key, value) in entries)
        {
            _output.Append(count++ > 0 ? _itemSeparator : "");
            NewLine(level + 1);
            WriteString(Key(key));
            _output.Append(layout.KeySeparator);
            WriteValue(value, level + 1);
        }
        NewLine(level);
        _output.Append('}');
    }

    private string Key(JinjaValue key) => key switch
    {
        StringValue text => text.Text,
        NoneValue => "null",
        BoolValue boolean => boolean.Value ? "true" : "false",
        IntValue or FloatValue => Number(key),
        _ => throw context.Error(
            $"keys must be str, int, float, bool or None, not {key.TypeName}"),
    };

    private void NewLine(int level)
    {
        if (layout.Indent is not { } indent)
        {
            return;
        }
        context.AllocateText((long)indent.Length * level + 1);
        _output.Append('\n');
        for (int i = 0; i < level; i++)
        {
            _output.Append(indent);
        }
    }

    private void WriteString(string text)
    {
        context.AllocateText(text.Length);
        _output.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"' or '\\':
                    _output.Append('\\').Append(c);
                    break;
                case '\n':
                    _output.Append("\\n");
                    break;
                case '\r':
                    _output.Append("\\r");
                    break;
                case '\t':
                    _output.Append("\\t");
                    break;
                case '\b':
                    _output.Append("\\b");
                    break;
                case '\f':
                    _output.Append("\\f");
                    break;
                case < ' ':
                case > '~' when layout.EnsureAscii:
                    _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    _output.Append(c);
                    break;
            }
        }
        _output.Append('"');
    }
}
