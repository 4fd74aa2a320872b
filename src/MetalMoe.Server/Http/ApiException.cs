using MetalMoe.Server.Api;

namespace MetalMoe.Server.Http;

/// <summary>A request that cannot be served, as the client is told of it.</summary>
internal sealed class ApiException : Exception
{
    private ApiException(int status, string type, string message)
        : base(message)
    {
        Status = status;
        Type = type;
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>OpenAI's word for the kind of error.</summary>
    public string Type { get; }

    /// <summary>The request's field that is at fault.</summary>
    public string? Param { get; private init; }

    /// <summary>A word for programs.</summary>
    public string? Code { get; private init; }

    /// <summary>When it may be worth trying again.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>The request is wrong.</summary>
    public static ApiException BadRequest(string message, string? param, string? code = null) =>
        new(400, "invalid_request_error", message) { Param = param, Code = code };

    /// <summary>A field has the wrong value.</summary>
    public static ApiException BadField(string param, string expected, string got) =>
        BadRequest($"[request] {param}: expected {expected}, got {got}", param);

    /// <summary>The field asks for something this server does not do.</summary>
    public static ApiException Unsupported(string param, string message) =>
        BadRequest($"[request] {param}: {message}", param, "unsupported_parameter");

    public static ApiException ModelNotFound(string served, string asked) =>
        new(404, "invalid_request_error",
            $"[request] model: expected '{served}', got '{Shorten(asked)}'")
        {
            Param = "model",
            Code = "model_not_found",
        };

    public static ApiException ContextExceeded(int limit, int prompt) => BadRequest(
        $"[request] prompt: expected fewer than {limit} tokens (the context), got {prompt}",
        "messages", "context_length_exceeded");

    public static ApiException Busy(TimeSpan retryAfter) => new(429, "rate_limit_error",
        "[server] queue: full; try again later")
    {
        Code = "queue_full",
        RetryAfter = retryAfter,
    };

    public static ApiException TooSlow(TimeSpan limit) => new(503, "server_error",
        $"[server] time: the answer took longer than {limit.TotalSeconds:0.###} s")
    {
        Code = "request_timeout",
    };

    public static ApiException Stopping() =>
        new(503, "server_error", "[server] shutting down") { Code = "shutting_down" };

    /// <summary>What is wrong is in the exchange itself: method, address, key, size.</summary>
    public static ApiException Http(int status, string message, string? code = null) =>
        new(status, status == 401 ? "authentication_error" : "invalid_request_error", message)
        {
            Code = code,
        };

    /// <summary>Something broke; the details are in the log, not in the answer.</summary>
    public static ApiException Internal() =>
        new(500, "server_error", "[server] internal error") { Code = "internal_error" };

    public ErrorJson ToJson() => new(new ErrorDetailJson(Message, Type, Param, Code));

    /// <summary>Enough of a client's text to recognise it in a message.</summary>
    public static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "...";
}
