using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MetalMoe.Server.Api;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Http;

/// <summary>Reads and writes bodies.</summary>
internal static class JsonBody
{
    /// <summary>The request's body.</summary>
    /// <exception cref="ApiException">It is not JSON, or not of the expected form.</exception>
    public static async Task<T> ReadAsync<T>(
        HttpContext context, JsonTypeInfo<T> type, TimeSpan timeout)
        where T : class
    {
        // Also what keeps other sites' pages out: a browser sends this type to another origin
        // only after asking, and the server says no.
        if (!context.Request.HasJsonContentType())
        {
            throw ApiException.Http(
                415, "[request] content-type: expected application/json, got other");
        }
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted);
        deadline.CancelAfter(timeout);
        try
        {
            return await JsonSerializer.DeserializeAsync(
                context.Request.Body, type, deadline.Token).ConfigureAwait(false)
                ?? throw ApiException.BadRequest("[request] body: expected an object, got null",
                    null);
        }
        catch (JsonException error)
        {
            throw Explain(error, "");
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            throw ApiException.Http(408, "[request] body: did not arrive in time");
        }
    }

    /// <summary>A value inside a request.</summary>
    /// <exception cref="ApiException">It is not of the expected form.</exception>
    public static T Read<T>(JsonElement element, JsonTypeInfo<T> type, string param)
    {
        try
        {
            return element.Deserialize(type)
                ?? throw ApiException.BadField(param, "a value", "null");
        }
        catch (JsonException error)
        {
            throw Explain(error, param);
        }
    }

    public static Task WriteAsync<T>(
        HttpContext context, T value, JsonTypeInfo<T> type, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static ApiException Explain(JsonException error, string param)
    {
        string path = error.Path is { Length: > 2 } found ? found[1..].TrimStart('.') : "";
        string place = $"line {(error.LineNumber ?? 0) + 1}, "
            + $"byte {(error.BytePositionInLine ?? 0) + 1}";
        // The reader's own error is an inner one; what is wrong with a value is not.
        if (error.InnerException is JsonException)
        {
            return ApiException.BadRequest($"[request] body: not valid JSON ({place})", null);
        }
        string name = param.Length == 0 ? path
            : path.StartsWith('[') || path.Length == 0 ? param + path : $"{param}.{path}";
        name = ApiException.Shorten(name);
        string what = error is JsonValueException
            ? error.Message : "expected a value of another type, or no such field twice";
        return ApiException.BadRequest(
            $"[request] {(name.Length == 0 ? "body" : name)}: {what} ({place})",
            name.Length == 0 ? null : name);
    }
}
