using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// A formal grammar of texts, compiled to a pushdown automaton over UTF-8 bytes. Immutable, and
/// independent of any vocabulary; <see cref="TokenMaskAutomaton"/> joins the two.
/// </summary>
public sealed class TextGrammar
{
    /// <summary>Largest count of a repetition such as <c>{m,n}</c>.</summary>
    public const int MaxRepetition = 10_000;

    internal const int MaxRules = 20_000;

    internal TextGrammar(GrammarRule[] rules, int root)
    {
        if (rules.Length > MaxRules)
        {
            throw new GrammarException(
                $"rules: expected at most {MaxRules}, got {rules.Length}");
        }
        Network = new RuleNetwork(rules, root);
    }

    internal RuleNetwork Network { get; }

    /// <summary>
    /// Compiles a grammar in GBNF, the notation of llama.cpp: rules <c>name ::= ...</c> of
    /// literals, character classes (ranges, negation, escapes <c>\n \r \t \\ \" \[ \] \xHH
    /// \uHHHH \UHHHHHHHH</c>), <c>.</c> for any character, references, groups, <c>|</c>, the
    /// repetitions <c>* + ? {m} {m,} {m,n}</c> and <c>#</c> comments. The rule <c>root</c>
    /// describes the whole text.
    /// Source: llama.cpp, grammars/README.md; its token references (<c>&lt;name&gt;</c>) are not
    /// part of a grammar here and are refused.
    /// </summary>
    /// <exception cref="GrammarException">The text is not a grammar (line and column are named),
    /// is left recursive, has no finite text, or needs too many states.</exception>
    public static TextGrammar ParseGbnf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (rules, root) = GbnfParser.Parse(text);
        return new TextGrammar(rules, root);
    }

    /// <summary>
    /// Compiles the JSON texts that a schema describes. What the grammar allows always satisfies
    /// the schema; it may leave out texts that would satisfy it too, as said below. A keyword
    /// that is not listed is refused, and so is one that does not apply to the type beside it.
    /// <list type="bullet">
    /// <item><c>type</c> (one or an array), <c>nullable</c>, <c>enum</c>, <c>const</c>, and the
    /// schemas <c>true</c> and <c>{}</c> for any value. Without <c>type</c> the other keywords
    /// tell it.</item>
    /// <item>Objects: <c>properties</c>, in the order of the schema; <c>required</c>;
    /// <c>additionalProperties</c>: a schema or true allows more behind the listed ones, and only
    /// then there are more (without <c>properties</c> any object is meant).</item>
    /// <item>Arrays: <c>items</c>, <c>prefixItems</c>, <c>minItems</c>, <c>maxItems</c>.</item>
    /// <item>Strings: <c>minLength</c>, <c>maxLength</c>; or <c>pattern</c>; or <c>format</c>
    /// <c>date</c>, <c>date-time</c>, <c>time</c>, <c>uuid</c>. A pattern knows literals,
    /// classes, <c>.</c>, <c>\d \w \s</c> and their negations, character escapes, groups,
    /// alternatives, the repetitions, and <c>^ $</c> at the ends of an outermost alternative.
    /// </item>
    /// <item><c>integer</c> (at most 15 digits), <c>number</c>: <c>minimum</c>,
    /// <c>maximum</c>, <c>exclusiveMinimum</c>, <c>exclusiveMaximum</c>; the bounds of a
    /// <c>number</c> must be integers, and it has no exponent then.</item>
    /// <item><c>anyOf</c>; <c>oneOf</c> where no value can satisfy two branches; <c>allOf</c> of
    /// objects; <c>$ref</c> to a JSON pointer of the same document, recursive if need be.</item>
    /// <item>Without effect: <c>title description default examples deprecated readOnly writeOnly
    /// $comment $schema $id $defs definitions</c>.</item>
    /// </list>
    /// Between tokens of JSON there may be a blank, or a line break and at most 20 blanks; in
    /// front at most two line breaks.
    /// Source: JSON Schema 2020-12 (Core, Validation); RFC 8259; RFC 3339.
    /// </summary>
    /// <exception cref="GrammarException">The schema is not valid JSON, uses a keyword that is
    /// not supported, or cannot be satisfied; keyword and JSON pointer are named.</exception>
    public static TextGrammar FromJsonSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        try
        {
            using var document = JsonDocument.Parse(
                schema, new JsonDocumentOptions { MaxDepth = SchemaCompiler.MaxDepth });
            return FromJsonSchema(document.RootElement);
        }
        catch (JsonException error)
        {
            throw GrammarException.InSchema("#", $"schema: expected JSON, got "
                + error.Message.ReplaceLineEndings(" "));
        }
    }

    /// <inheritdoc cref="FromJsonSchema(string)"/>
    public static TextGrammar FromJsonSchema(JsonElement schema)
    {
        var (rules, root) = SchemaCompiler.Compile(schema);
        return new TextGrammar(rules, root);
    }

    /// <summary>
    /// Compiles the calls of tools:
    /// <c>&lt;tool_call&gt;\n{"name": ..., "arguments": ...}\n&lt;/tool_call&gt;</c>, with
    /// arguments of the tool's schema, which may use what
    /// <see cref="FromJsonSchema(JsonElement)"/> supports.
    /// </summary>
    /// <param name="tools">The tools, at least one.</param>
    /// <param name="allowSeveral">Up to 16 calls may follow each other, with a line break
    /// between.</param>
    /// <param name="answer">Schema of an answer that may stand in place of a call; null demands a
    /// call.</param>
    /// <exception cref="GrammarException">A schema is not valid or not supported.</exception>
    public static TextGrammar FromToolCalls(
        IReadOnlyList<ChatTool> tools, bool allowSeveral, JsonElement? answer = null)
    {
        ArgumentNullException.ThrowIfNull(tools);
        ArgumentOutOfRangeException.ThrowIfZero(tools.Count);
        var (rules, root) = ToolCallGrammar.Compile(tools, allowSeveral, answer);
        return new TextGrammar(rules, root);
    }

    /// <summary>Whether the whole text belongs to the grammar.</summary>
    public bool Matches(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Matches(System.Text.Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Whether the whole UTF-8 text belongs to the grammar.</summary>
    public bool Matches(ReadOnlySpan<byte> text)
    {
        var machine = new StackMachine(Network);
        var state = machine.Start;
        foreach (byte value in text)
        {
            state = machine.Step(state, Network.ClassOf[value]);
        }
        return state.IsComplete;
    }
}
