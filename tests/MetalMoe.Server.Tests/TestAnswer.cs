using System.Text;
using System.Text.Json;

namespace MetalMoe.Server.Tests;

/// <summary>An answer of the server, read to its end.</summary>
internal sealed record TestAnswer(
    int Status, string Body, System.Net.Http.Headers.HttpResponseHeaders Headers)
{
    private readonly Lazy<JsonElement> _json = new(() => JsonElement.Parse(Body));

    public JsonElement Json => _json.Value;

    /// <summary>The events of a stream, the closing mark left out.</summary>
    public IReadOnlyList<JsonElement> Events =>
        [.. Body.Split('\n')
            .Where(line => line.StartsWith("data: ", StringComparison.Ordinal)
                && line != "data: [DONE]")
            .Select(line => JsonElement.Parse(line["data: ".Length..]))];

    public static async Task<TestAnswer> ReadAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);

    /// <summary>The value at a path of names and indices.</summary>
    public JsonElement At(params object[] path) => At(Json, path);

    public static JsonElement At(JsonElement value, params object[] path)
    {
        foreach (object step in path)
        {
            value = step is int index ? value[index] : value.GetProperty((string)step);
        }
        return value;
    }

    public string Text(params object[] path) => At(path).GetString()!;

    public int Number(params object[] path) => At(path).GetInt32();

    /// <summary>The texts that the events of a stream add to a field of the message.</summary>
    public string Streamed(string field)
    {
        var text = new StringBuilder();
        foreach (var value in Events)
        {
            foreach (var choice in value.GetProperty("choices").EnumerateArray())
            {
                if (choice.GetProperty("delta").TryGetProperty(field, out var piece))
                {
                    text.Append(piece.GetString());
                }
            }
        }
        return text.ToString();
    }

    /// <summary>OpenAI's error: status, message, param, code.</summary>
    public (int Status, string Message, string? Param, string? Code) Error => (
        Status, Text("error", "message"), At("error", "param").GetString(),
        At("error", "code").GetString());
}
