using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Server.Inference;

/// <summary>The grammars of the last schemas: what was computed for a grammar is kept with it,
/// so a client that sends its schema with each request pays for it once. Thread-safe.</summary>
internal sealed class GrammarStore
{
    private const int Capacity = 32;

    /// <summary>Longer schemas are compiled each time: a key must not be a burden itself.
    /// </summary>
    private const int MaxKeyLength = 1 << 16;

    private readonly Lock _gate = new();
    private readonly LinkedList<(string Key, TextGrammar Grammar)> _recent = [];

    /// <summary>The grammar of the JSON that a schema describes.</summary>
    /// <exception cref="GrammarException">The schema is not valid or not supported.</exception>
    public TextGrammar ForSchema(JsonElement schema) => Find(
        schema.GetRawText(), () => TextGrammar.FromJsonSchema(schema));

    /// <summary>The grammar of calls of some tools, or of an answer in their place.</summary>
    /// <exception cref="GrammarException">A schema is not valid or not supported.</exception>
    public TextGrammar ForCalls(ChatTool[] tools, bool allowSeveral, JsonElement? answer)
    {
        // Names have no line breaks, and schemas none outside their own JSON.
        string key = string.Join('\n', tools.Select(
            tool => $"{tool.Name} {tool.Parameters.GetRawText()}"));
        return Find($"{allowSeveral} {answer?.GetRawText()}\n{key}",
            () => TextGrammar.FromToolCalls(tools, allowSeveral, answer));
    }

    private TextGrammar Find(string key, Func<TextGrammar> compile)
    {
        lock (_gate)
        {
            for (var node = _recent.First; node is not null; node = node.Next)
            {
                if (node.Value.Key == key)
                {
                    _recent.Remove(node);
                    _recent.AddFirst(node);
                    return node.Value.Grammar;
                }
            }
        }
        var grammar = compile();
        if (key.Length <= MaxKeyLength)
        {
            lock (_gate)
            {
                _recent.AddFirst((key, grammar));
                while (_recent.Count > Capacity)
                {
                    _recent.RemoveLast();
                }
            }
        }
        return grammar;
    }
}
