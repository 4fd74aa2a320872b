using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary>What all addresses share.</summary>
internal sealed record ServerContext(
    MoeModel Model, ServerOptions Options, string ModelName, Answerer Answerer, JobBuilder Jobs,
    ErrorHandler Errors, CancellationToken Stopping)
{
    /// <summary>Seconds since 1970 of the server's start, which is when its model came up.
    /// </summary>
    public long Created { get; } = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Names the program and what it computes with: answers to the same seed can differ
    /// where this does.</summary>
    public string Fingerprint { get; } = "metalmoe-"
        + typeof(ServerContext).Assembly.GetName().Version?.ToString(3);

    public Deadline CreateDeadline(HttpContext context) =>
        new(context, Options.RequestTimeout, Stopping);

    /// <summary>A new identifier that nobody can guess.</summary>
    public static string NewId(string prefix) => prefix + Guid.NewGuid().ToString("N");

    public static long Now() => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public static UsageJson UsageOf(AnswerEnd end) => new(
        end.PromptTokens, end.GeneratedTokens, end.PromptTokens + end.GeneratedTokens,
        new PromptTokenDetailsJson(end.CachedTokens),
        new CompletionTokenDetailsJson(end.ReasoningTokens));

    /// <summary>
    /// Runs an answer into a stream. What is ready is written together; when there is nothing to
    /// write, it is sent. Errors behind the first byte become a last event.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="job">What to answer.</param>
    /// <param name="writer">Writes the events of this interface.</param>
    public async Task StreamAsync(HttpContext context, AnswerJob job, IAnswerWriter writer)
    {
        using var deadline = CreateDeadline(context);
        SessionLease lease;
        try
        {
            lease = await Answerer.AdmitAsync(job, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.Explain() is { } reason)
        {
            throw reason;
        }
        using var _ = lease;
        using var stream = EventStream.Start(context);
        try
        {
            writer.Begin(stream);
            await stream.FlushAsync().ConfigureAwait(false);
            await WriteStepsAsync(job, lease, stream, writer, deadline.Token)
                .ConfigureAwait(false);
        }
        catch (Exception error) when (!context.RequestAborted.IsCancellationRequested)
        {
            var reason = error is OperationCanceledException && deadline.Explain() is { } cause
                ? cause : Errors.Translate(error);
            writer.Fail(stream, reason);
            await stream.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Runs an answer to its end.</summary>
    public async Task AnswerAsync(HttpContext context, AnswerJob job, Action<AnswerStep> take)
    {
        using var deadline = CreateDeadline(context);
        try
        {
            await Answerer.RunToEndAsync(job, take, deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.Explain() is { } reason)
        {
            throw reason;
        }
    }

    private async Task WriteStepsAsync(
        AnswerJob job, SessionLease lease, EventStream stream, IAnswerWriter writer,
        CancellationToken token)
    {
        var steps = Answerer.RunAsync(job, lease, token).GetAsyncEnumerator(token);
        await using var disposing = steps.ConfigureAwait(false);
        while (true)
        {
            var next = steps.MoveNextAsync();
            if (!next.IsCompleted)
            {
                await stream.FlushAsync().ConfigureAwait(false);
            }
            if (!await next.ConfigureAwait(false))
            {
                break;
            }
            writer.Write(stream, steps.Current);
        }
        await stream.FlushAsync().ConfigureAwait(false);
    }
}
