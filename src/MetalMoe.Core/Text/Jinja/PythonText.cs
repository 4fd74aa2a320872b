using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Python's <c>str</c> and <c>repr</c>.</summary>
internal static class PythonText
{
    /// <summary>What <c>{{ value }}</c> prints; without a context nothing is counted.</summary>
    public static string Str(JinjaValue value, RenderContext? context = null)
    {
        return value switch
        {
            StringValue text => text.Text,
            UndefinedValue => "",
            _ => Repr(value, context),
        };
    }

    public static string Repr(JinjaValue value, RenderContext? context = null)
    {
        switch (value)
        {
            case NoneValue:
                return "None";
            case BoolValue boolean:
                return boolean.Value ? "True" : "False";
            case IntValue number:
                return number.Value.ToString(CultureInfo.InvariantCulture);
            case FloatValue number:
                return Number(number.Value);
            default:
                var writer = new StringBuilder();
                new ReprWriter(context, writer).Write(value);
                return writer.ToString();
        }
    }

    /// <summary>The shortest digits that read back as the same double, in Python's layout.
    /// </summary>
    public static string Number(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }
        string shortest = value.ToString("R", CultureInfo.InvariantCulture);
        bool negative = shortest[0] == '-';
        var (digits, exponent) = Decompose(shortest);
        var result = new StringBuilder(negative ? "-" : "");
        if (exponent is < -4 or >= 16)
        {
            result.Append(digits[0]);
            if (digits.Length > 1)
            {
                result.Append('.').Append(digits, 1, digits.Length - 1);
            }
            return result.Append('e').Append(exponent < 0 ? '-' : '+')
                .Append(Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)).ToString();
        }
        if (exponent < 0)
        {
            return result.Append("0.").Append('0', -exponent - 1).Append(digits).ToString();
        }
        if (digits.Length <= exponent + 1)
        {
            return result.Append(digits).Append('0', exponent + 1 - digits.Length)
                .Append(".0").ToString();
        }
        return result.Append(digits, 0, exponent + 1).Append('.')
            .Append(digits, exponent + 1, digits.Length - exponent - 1).ToString();
    }

    /// <summary>Significant digits and the decimal exponent of the first one.</summary>
    private static (string Digits, int Exponent) Decompose(string number)
    {
        string text = number.TrimStart('-');
        int exponent = 0;
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        if (mark >= 0)
        {
            exponent = int.Parse(text.AsSpan(mark + 1), CultureInfo.InvariantCulture);
            text = text[..mark];
        }
        int point = text.IndexOf('.', StringComparison.Ordinal);
        string whole = point < 0 ? text : text[..point];
        string digits = whole + (point < 0 ? "" : text[(point + 1)..]);
        int leading = digits.Length - digits.TrimStart('0').Length;
        string significant = digits.Trim('0');
        return significant.Length == 0
            ? ("0", 0)
            : (significant, exponent + whole.Length - 1 - leading);
    }

    /// <summary>Whether <c>repr</c> prints a code point as itself.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' '
        || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>A string literal in Python's preferred quotes.</summary>
    public static void Quote(StringBuilder output, string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        output.Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == quote || c == '\\')
            {
                output.Append('\\').Append(c);
            }
            else if (c is '\n' or '\r' or '\t')
            {
                output.Append('\\').Append(c switch { '\n' => 'n', '\r' => 'r', _ => 't' });
            }
            else if (c is >= ' ' and < '\x7f')
            {
                output.Append(c);
            }
            else if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                AppendRune(output, rune);
                i += rune.Utf16SequenceLength - 1;
            }
        }
        output.Append(quote);
    }

    private static void AppendRune(StringBuilder output, Rune rune)
    {
        if (IsPrintable(rune))
        {
            output.Append(rune.ToString());
            return;
        }
        string format = rune.Value switch
        {
            < 0x100 => $"\\x{rune.Value:x2}",
            < 0x10000 => $"\\u{rune.Value:x4}",
            _ => $"\\U{rune.Value:x8}",
        };
        output.Append(format);
    }
}

/// <summary>Writes nested values; namespaces can contain themselves, so it keeps watch.</summary>
internal sealed class ReprWriter(RenderContext? context, StringBuilder output)
{
    private readonly HashSet<NamespaceValue> _open = [];

    public void Write(JinjaValue value)
    {
        context?.Enter();
        int before = output.Length;
        switch (value)
        {
            case StringValue text:
                context?.AllocateText(text.Text.Length);
                PythonText.Quote(output, text.Text);
                break;
            case ListValue list:
                WriteAll(list.Items, list.IsTuple ? '(' : '[', list.IsTuple ? ')' : ']');
                break;
            case DictValue dict:
                WriteDict(dict);
                break;
            case ViewValue view:
                output.Append(view.TypeName).Append('(');
                WriteAll([.. view.Elements], '[', ']');
                output.Append(')');
                break;
            case RangeValue range:
                output.Append($"range({range.Start}, {range.Stop}");
                output.Append(range.Step.IsOne ? ")" : $", {range.Step})");
                break;
            case NamespaceValue space:
                WriteNamespace(space);
                break;
            case NoneValue or BoolValue or IntValue or FloatValue:
                output.Append(PythonText.Repr(value));
                break;
            case UndefinedValue:
                output.Append("Undefined");
                break;
            default:
                output.Append($"<{value.TypeName}>");
                break;
        }
        context?.AllocateText(output.Length - before);
        if (context is not null && output.Length > context.Limits.MaxOutputLength)
        {
            throw context.Limit($"more than {context.Limits.MaxOutputLength} characters of text");
        }
        context?.Leave();
    }

    private void WriteAll(IReadOnlyList<JinjaValue> items, char open, char close)
    {
        output.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            output.Append(i > 0 ? ", " : "");
            Write(items[i]);
        }
        output.Append(open == '(' && items.Count == 1 ? "," : "").Append(close);
    }

    private void WriteDict(DictValue dict)
    {
        output.Append('{');
        int count = 0;
        foreach (var (key, value) in dict.Entries)
        {
            output.Append(count++ > 0 ? ", " : "");
            Write(key);
            output.Append(": ");
            Write(value);
        }
        output.Append('}');
    }

    private void WriteNamespace(NamespaceValue space)
    {
        if (!_open.Add(space))
        {
            output.Append("<Namespace {...}>");
            return;
        }
        output.Append("<Namespace {");
        int count = 0;
        foreach (var (key, value) in space.Attributes)
        {
            output.Append(count++ > 0 ? ", " : "");
            PythonText.Quote(output, key);
            output.Append(": ");
            Write(value);
        }
        output.Append("}>");
        _open.Remove(space);
    }
}
