using System.Text;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>An expression of a grammar rule.</summary>
internal abstract class GrammarNode
{
    public static GrammarNode Empty { get; } = new Sequence([]);

    /// <summary>One character of the set.</summary>
    public static GrammarNode OneOf(CodePointSet set) => new Characters(set);

    public static GrammarNode Text(string text) => new Literal(Encoding.UTF8.GetBytes(text));

    public static GrammarNode All(params GrammarNode[] parts) =>
        parts.Length == 1 ? parts[0] : new Sequence(parts);

    public static GrammarNode Any(params GrammarNode[] options) =>
        options.Length == 1 ? options[0] : new Choice(options);

    public static GrammarNode Optional(GrammarNode body) => new Repeat(body, 0, 1);

    public static GrammarNode Times(GrammarNode body, int min, int? max) =>
        new Repeat(body, min, max);

    internal sealed class Characters(CodePointSet set) : GrammarNode
    {
        public CodePointSet Set => set;
    }

    internal sealed class Literal(byte[] bytes) : GrammarNode
    {
        public byte[] Bytes => bytes;
    }

    internal sealed class Sequence(GrammarNode[] parts) : GrammarNode
    {
        public GrammarNode[] Parts => parts;
    }

    /// <summary>Any of the options; none of them when there are none.</summary>
    internal sealed class Choice(GrammarNode[] options) : GrammarNode
    {
        public GrammarNode[] Options => options;
    }

    internal sealed class Repeat(GrammarNode body, int min, int? max) : GrammarNode
    {
        public GrammarNode Body => body;

        public int Min => min;

        public int? Max => max;
    }

    internal sealed class Reference(int rule) : GrammarNode
    {
        public int Rule => rule;
    }
}

/// <summary>A named expression.</summary>
internal sealed record GrammarRule(string Name, GrammarNode Body);
