using MetalMoe;
using MetalMoe.Core;
using Microsoft.Extensions.AI;

namespace McpTools;

/// <summary>
/// A local model that uses the tools of an MCP server. Usage:
/// <c>McpTools MODEL.gguf [QUESTION]</c>.
/// </summary>
internal static class Program
{
    /// <summary>Qwen's form of a conversation with tools, for models whose own template knows
    /// none.</summary>
    private const string ToolTemplate = """
        {%- if tools %}
        {{- '<|im_start|>system\nYou may call these functions:\n' }}
        {%- for tool in tools %}{{- tool | tojson + '\n' }}{% endfor %}
        {{- '<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
        {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content }}
        {{- '\n</tool_response><|im_end|>\n' }}
        {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content }}
        {%- for call in message.tool_calls or [] %}
        {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
        {{- (call.function.arguments | tojson) + '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
        {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
        {{- '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}
        {%- endif %}
        """;

    private static async Task<int> Main(string[] args)
    {
        if (args.Length is 0 or > 2)
        {
            await Console.Error.WriteLineAsync("usage: McpTools MODEL.gguf [QUESTION]");
            return 2;
        }
        try
        {
            await RunAsync(args[0], args.Length > 1 ? args[1] : "What is 17 + 25?");
            return 0;
        }
        catch (MetalMoeException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return 1;
        }
    }

    private static async Task RunAsync(string path, string question)
    {
        await using var server = await DeskServer.StartAsync();
        // An MCP tool is an AIFunction: the chat client needs no adapter.
        var tools = await server.Client.ListToolsAsync();
        Console.WriteLine($"tools: {string.Join(", ", tools.Select(tool => tool.Name))}");

        await using var model = await MoeModel.LoadAsync(
            path, new MoeModelOptions { ChatTemplate = ToolTemplate });
        using var client = model.AsIChatClient();
        using var chat = new ToolCallingChatClient(client);
        chat.Called += (call, result) => Console.WriteLine($"call: {call.Name} -> {result}");

        // A small model is told to call; a large one decides by itself (ChatToolMode.Auto).
        var response = await chat.GetResponseAsync(
            question,
            new ChatOptions
            {
                Tools = [.. tools],
                ToolMode = ChatToolMode.RequireSpecific("add"),
                AllowMultipleToolCalls = false,
                MaxOutputTokens = 100,
                Seed = 1,
            });
        Console.WriteLine($"answer: {response.Text.ReplaceLineEndings(" ")}");
    }
}
