using System.Globalization;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Telemetry;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary>The addresses that do not generate.</summary>
internal sealed class PlainEndpoints(ServerContext server, PrometheusExporter exporter)
{
    public static Task HealthAsync(HttpContext context) => JsonBody.WriteAsync(
        context, new HealthJson("ok"), ServerJson.Api.HealthJson);

    public Task ModelsAsync(HttpContext context) => JsonBody.WriteAsync(
        context, new ModelListJson("list", [Describe()]), ServerJson.Api.ModelListJson);

    public Task ModelAsync(HttpContext context)
    {
        string asked = context.Request.RouteValues["model"] as string ?? "";
        return asked == server.ModelName
            ? JsonBody.WriteAsync(context, Describe(), ServerJson.Api.ModelJson)
            : throw ApiException.ModelNotFound(server.ModelName, asked);
    }

    public async Task TokenizeAsync(HttpContext context)
    {
        var request = await JsonBody.ReadAsync(
            context, ServerJson.Api.TokenizeRequestJson, server.Options.ReceiveTimeout)
            .ConfigureAwait(false);
        string content = request.Content
            ?? throw ApiException.BadField("content", "a text", "none");
        int[] tokens = server.Model.Text.Encode(
            content, request.ParseSpecial ?? true, request.AddSpecial ?? false);
        await JsonBody.WriteAsync(
            context, new TokenizeJson(tokens), ServerJson.Api.TokenizeJson)
            .ConfigureAwait(false);
    }

    public async Task MetricsAsync(HttpContext context)
    {
        byte[] text = exporter.Collect();
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        context.Response.ContentLength = text.Length;
        await context.Response.Body.WriteAsync(text, context.RequestAborted)
            .ConfigureAwait(false);
    }

    private ModelJson Describe() => new(
        server.ModelName, "model", server.Created, "metalmoe", server.Model.ContextLength);

    /// <summary>A file of the chat page.</summary>
    public static RequestDelegate PageFile(string name, string contentType)
    {
        using var resource = typeof(PlainEndpoints).Assembly.GetManifestResourceStream(name)
            ?? throw new System.Diagnostics.UnreachableException($"{name} is not embedded");
        byte[] bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        string tag = string.Create(CultureInfo.InvariantCulture,
            $"\"{Convert.ToHexStringLower(
                System.Security.Cryptography.SHA256.HashData(bytes).AsSpan(0, 12))}\"");
        return async context =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; "
                + "style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
                + "form-action 'none'; frame-ancestors 'none'";
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers.CacheControl = "no-cache";
            headers.ETag = tag;
            if (context.Request.Headers.IfNoneMatch == tag)
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
            context.Response.ContentType = contentType;
            context.Response.ContentLength = bytes.Length;
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted)
                .ConfigureAwait(false);
        };
    }
}
