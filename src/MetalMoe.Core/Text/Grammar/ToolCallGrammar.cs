using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>Turns tools into the grammar of their calls.</summary>
internal static class ToolCallGrammar
{
    private const int MaxCalls = 16;

    public static (GrammarRule[] Rules, int Root) Compile(
        IReadOnlyList<ChatTool> tools, bool allowSeveral, JsonElement? answer)
    {
        var json = new JsonRules();
        int root = json.Reserve("root");
        int call = json.Reserve("call");
        json.Define(call, GrammarNode.All(
            GrammarNode.Text("<tool_call>\n{\"name\": "),
            GrammarNode.Any([.. tools.Select(tool => CallOf(json, tool))]),
            GrammarNode.Text("}\n</tool_call>")));
        var one = new GrammarNode.Reference(call);
        var calls = allowSeveral
            ? GrammarNode.All(one, GrammarNode.Times(
                GrammarNode.All(GrammarNode.Text("\n"), one), 0, MaxCalls - 1))
            : one;
        json.Define(root, GrammarNode.All(
            SchemaCompiler.LeadingSpace,
            answer is { } schema
                ? GrammarNode.Any(calls, SchemaCompiler.CompileInto(json, schema)) : calls));
        return (json.ToArray(), root);
    }

    private static GrammarNode CallOf(JsonRules json, ChatTool tool) => GrammarNode.All(
        JsonRules.Exactly(NameOf(tool)),
        GrammarNode.Text(", \"arguments\": "),
        SchemaCompiler.CompileInto(json, tool.Parameters));

    private static JsonElement NameOf(ChatTool tool)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStringValue(tool.Name);
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }
}
