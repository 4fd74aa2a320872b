using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using MetalMoe.Core;
using MetalMoe.Server.Api;
using MetalMoe.Server.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Server.Http;

/// <summary>Turns what is thrown, and empty answers of the framework, into OpenAI's errors.
/// </summary>
internal sealed class ErrorHandler(ILogger logger)
{
    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the client.")]
    public async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
            await ExplainEmptyAsync(context).ConfigureAwait(false);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left; nobody reads an answer.
            context.Abort();
        }
        catch (Exception error)
        {
            await AnswerAsync(context, Translate(error)).ConfigureAwait(false);
        }
    }

    /// <summary>The error as a client is told of it.</summary>
    public ApiException Translate(Exception error)
    {
        switch (error)
        {
            case ApiException known:
                return known;
            case BadHttpRequestException { StatusCode: 413 }:
                return ApiException.Http(413, "[request] body: larger than the server allows");
            case BadHttpRequestException bad:
                return ApiException.Http(bad.StatusCode, "[request] http: " + bad.Message);
            case MetalMoeException wrong:
                return ApiException.BadRequest(wrong.Message, null);
            case ObjectDisposedException { ObjectName: nameof(MoeModel) }:
                return ApiException.Stopping();
            default:
                ServerLog.Failed(logger, error);
                return ApiException.Internal();
        }
    }

    private static async Task AnswerAsync(HttpContext context, ApiException error)
    {
        if (context.Response.HasStarted)
        {
            // Too late for a status: a cut connection is the only sign left.
            context.Abort();
            return;
        }
        context.Response.Clear();
        if (error.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds))
                .ToString(CultureInfo.InvariantCulture);
        }
        if (error.Status == 401)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }
        await JsonBody.WriteAsync(
            context, error.ToJson(), ServerJson.Api.ErrorJson, error.Status)
            .ConfigureAwait(false);
    }

    private static Task ExplainEmptyAsync(HttpContext context)
    {
        var response = context.Response;
        if (response.HasStarted || response.StatusCode < 400 || response.ContentLength > 0)
        {
            return Task.CompletedTask;
        }
        string message = response.StatusCode switch
        {
            404 => "[request] path: no such address",
            405 => "[request] method: not one of this address",
            _ => $"[request] http: status {response.StatusCode}",
        };
        return JsonBody.WriteAsync(
            context, ApiException.Http(response.StatusCode, message).ToJson(),
            ServerJson.Api.ErrorJson, response.StatusCode);
    }
}
