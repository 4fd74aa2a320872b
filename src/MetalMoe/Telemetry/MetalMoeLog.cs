using Microsoft.Extensions.Logging;

namespace MetalMoe.Telemetry;

/// <summary>Every message this library logs. Event ids are stable: 1xx chat requests, 2xx models.
/// Nothing that people or models wrote is in them, but in 110 and 111, which have to be asked
/// for.</summary>
internal static partial class MetalMoeLog
{
    [LoggerMessage(100, LogLevel.Debug,
        "Chat request: {PromptTokens} prompt tokens, {CachedTokens} of them cached")]
    public static partial void ChatStarted(ILogger logger, int promptTokens, int cachedTokens);

    [LoggerMessage(101, LogLevel.Information,
        "Chat answer: {OutputTokens} tokens, {FinishReason}, {Milliseconds} ms")]
    public static partial void ChatCompleted(
        ILogger logger, long outputTokens, string finishReason, long milliseconds);

    [LoggerMessage(102, LogLevel.Debug, "Chat request cancelled after {Milliseconds} ms")]
    public static partial void ChatCancelled(ILogger logger, long milliseconds);

    [LoggerMessage(103, LogLevel.Error, "Chat request failed")]
    public static partial void ChatFailed(ILogger logger, Exception error);

    [LoggerMessage(104, LogLevel.Warning, "Chat options without effect: {Options}")]
    public static partial void OptionsIgnored(ILogger logger, string options);

    [LoggerMessage(105, LogLevel.Warning, "The model wrote a tool call that is none")]
    public static partial void MalformedToolCall(ILogger logger);

    [LoggerMessage(110, LogLevel.Trace, "Prompt: {Prompt}")]
    public static partial void Prompt(ILogger logger, string prompt);

    [LoggerMessage(111, LogLevel.Trace, "Answer: {Answer}")]
    public static partial void Answer(ILogger logger, string answer);

    [LoggerMessage(200, LogLevel.Information, "Loading model {Path}")]
    public static partial void ModelLoading(ILogger logger, string path);

    [LoggerMessage(201, LogLevel.Information,
        "Model {Model} ready on {Device} after {Milliseconds} ms")]
    public static partial void ModelLoaded(
        ILogger logger, string model, string device, long milliseconds);

    [LoggerMessage(202, LogLevel.Error, "Model {Path} could not be loaded")]
    public static partial void ModelFailed(ILogger logger, string path, Exception error);

    [LoggerMessage(203, LogLevel.Debug, "Model {Model} warmed up in {Milliseconds} ms")]
    public static partial void ModelWarm(ILogger logger, string model, long milliseconds);
}
