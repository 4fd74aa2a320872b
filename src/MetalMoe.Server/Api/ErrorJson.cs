using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>OpenAI's form of an error.</summary>
internal sealed record ErrorJson(ErrorDetailJson Error);

/// <summary>The inside of <see cref="ErrorJson"/>.</summary>
internal sealed record ErrorDetailJson(
    string Message, string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code);
