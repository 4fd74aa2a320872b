using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Python's None.</summary>
internal sealed class NoneValue : JinjaValue
{
    public static readonly NoneValue Instance = new();

    internal override string TypeName => "NoneType";

    internal override bool IsTrue => false;
}

/// <summary>
/// A name or element that is not there. It prints as nothing and is false, but taking an
/// attribute of it, calling it or calculating with it is an error that says what was missing.
/// </summary>
internal sealed class UndefinedValue(string problem) : JinjaValue
{
    public string Problem { get; } = problem;

    internal override string TypeName => "Undefined";

    internal override bool IsTrue => false;

    internal override int Length => 0;

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Attribute(JinjaValue owner, string name) =>
        new($"'{owner.TypeName} object' has no attribute '{name}'");

    public static UndefinedValue Element(JinjaValue owner, JinjaValue key) =>
        new(key is StringValue name
            ? $"'{owner.TypeName} object' has no attribute '{name.Text}'"
            : $"{owner.TypeName} object has no element {PythonText.Repr(key)}");
}

/// <summary>True or False; numerically 1 or 0, as in Python.</summary>
internal sealed class BoolValue : JinjaValue
{
    public static readonly BoolValue True = new(true);
    public static readonly BoolValue False = new(false);

    private BoolValue(bool value)
    {
        Value = value;
    }

    public bool Value { get; }

    internal override string TypeName => "bool";

    internal override bool IsTrue => Value;
}

/// <summary>An integer of any size within the limits.</summary>
internal sealed class IntValue(BigInteger value) : JinjaValue
{
    public BigInteger Value { get; } = value;

    internal override string TypeName => "int";

    internal override bool IsTrue => !Value.IsZero;
}

/// <summary>A double.</summary>
internal sealed class FloatValue(double value) : JinjaValue
{
    public double Value { get; } = value;

    internal override string TypeName => "float";

    internal override bool IsTrue => Value != 0;
}

/// <summary>
/// A string. Its length and indices are code points, as in Python; the text is UTF-16.
/// </summary>
internal sealed class StringValue(string text) : JinjaValue
{
    public static readonly StringValue Empty = new("");

    private int _codePoints = -1;

    public string Text { get; } = text;

    internal override string TypeName => "str";

    internal override bool IsTrue => Text.Length > 0;

    internal override long Weight => 1 + (Text.Length >> 4);

    internal override int Length => _codePoints >= 0
        ? _codePoints
        : _codePoints = CodePoints.Count(Text);

    /// <summary>Whether every code point is one UTF-16 unit.</summary>
    public bool IsFlat => Length == Text.Length;
}
