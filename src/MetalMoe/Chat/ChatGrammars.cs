using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Chat;

/// <summary>
/// Grammars by the texts they are made of. A grammar carries the masks that were computed for
/// it, so requests that ask for the same one should get the same one. Thread-safe.
/// </summary>
internal sealed class ChatGrammars
{
    // Schemas come from programs, which have few of them; who has many pays for compiling.
    private const int MaxKept = 64;

    private readonly ConcurrentDictionary<string, TextGrammar> _kept =
        new(StringComparer.Ordinal);

    /// <summary>The schema of any JSON object.</summary>
    public static JsonElement AnyObject { get; } = JsonElement.Parse("""{"type":"object"}""");

    public TextGrammar OfSchema(JsonElement schema) =>
        Get("schema " + schema.GetRawText(), () => TextGrammar.FromJsonSchema(schema));

    public TextGrammar OfGbnf(string text) =>
        Get("gbnf " + text, () => TextGrammar.ParseGbnf(text));

    public TextGrammar OfCalls(
        IReadOnlyList<ChatTool> tools, bool allowSeveral, JsonElement? answer)
    {
        var key = new StringBuilder("calls ").Append(allowSeveral).Append(' ')
            .Append(answer?.GetRawText());
        foreach (var tool in tools)
        {
            // No text that a schema could hold stands between two entries.
            key.Append('\0').Append(tool.Name).Append('\0').Append(tool.Parameters.GetRawText());
        }
        return Get(key.ToString(), () => TextGrammar.FromToolCalls(tools, allowSeveral, answer));
    }

    private TextGrammar Get(string key, Func<TextGrammar> compile)
    {
        if (_kept.TryGetValue(key, out var grammar))
        {
            return grammar;
        }
        if (_kept.Count >= MaxKept)
        {
            _kept.Clear();
        }
        return _kept.GetOrAdd(key, compile());
    }
}
