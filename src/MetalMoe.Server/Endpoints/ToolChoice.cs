using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Server.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary>Whether the model may, must or must not call a tool.</summary>
/// <param name="Kind"><c>auto</c>, <c>none</c> or <c>required</c>.</param>
/// <param name="Name">The one tool to call; null for any.</param>
internal sealed record ToolChoice(string Kind, string? Name)
{
    private const string Expected = "auto, none, required or a function of tools";

    public static ToolChoice Auto { get; } = new("auto", null);

    public bool IsRequired => Kind == "required";

    /// <summary>Reads <c>tool_choice</c> of both interfaces: the function's name stands in an
    /// object of its own or beside the type.</summary>
    /// <exception cref="ApiException">It is none, or names a tool that is not there.</exception>
    public static ToolChoice Parse(JsonElement? value, IReadOnlyList<ChatTool> tools)
    {
        if (value is not { ValueKind: not JsonValueKind.Null } given)
        {
            return Auto;
        }
        string? kind = given.ValueKind == JsonValueKind.String ? given.GetString() : null;
        if (kind is "auto" or "none")
        {
            return new ToolChoice(kind, null);
        }
        string? name = kind is null ? NameOf(given) : null;
        if (kind != "required" && name is null)
        {
            throw ApiException.BadField("tool_choice", Expected, "other");
        }
        if (tools.Count == 0 || (name is not null && !tools.Any(tool => tool.Name == name)))
        {
            throw ApiException.BadField("tool_choice", Expected, "one that is not in tools");
        }
        return new ToolChoice("required", name);
    }

    private static string? NameOf(JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object
            || !choice.TryGetProperty("type", out var type)
            || type.ValueKind != JsonValueKind.String || !type.ValueEquals("function"))
        {
            return null;
        }
        var owner = choice.TryGetProperty("function", out var function)
            && function.ValueKind == JsonValueKind.Object ? function : choice;
        return owner.TryGetProperty("name", out var name)
            && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
    }
}
