using Microsoft.Extensions.Logging;

namespace MetalMoe.Server.Telemetry;

/// <summary>What is logged. Never what people or the model wrote.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "listening on {Address}, model {Model}")]
    public static partial void Listening(ILogger logger, string address, string model);

    [LoggerMessage(2, LogLevel.Information, "{Method} {Path} {Status} in {Milliseconds} ms")]
    public static partial void Answered(
        ILogger logger, string method, string path, int status, long milliseconds);

    [LoggerMessage(3, LogLevel.Error, "request failed")]
    public static partial void Failed(ILogger logger, Exception error);

    [LoggerMessage(4, LogLevel.Information,
        "answer: {Prompt} prompt tokens ({Cached} cached), {Generated} generated, {Reason}")]
    public static partial void Generated(
        ILogger logger, int prompt, int cached, int generated, string reason);
}
