using System.Diagnostics;
using System.Runtime.CompilerServices;
using MetalMoe.Server.Http;
using MetalMoe.Server.Telemetry;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Server.Inference;

/// <summary>Runs jobs on the model's sessions.</summary>
internal sealed class Answerer(
    MoeModel model, SessionPool pool, ServerMetrics metrics, ILogger logger)
{
    // To run fewer tokens again costs less than to remember a place.
    private const int LeastToRemember = 16;

    /// <summary>Waits for a session; from then on the answer can stream.</summary>
    /// <exception cref="ApiException">The prompt is too long, or the line full.</exception>
    public ValueTask<SessionLease> AdmitAsync(AnswerJob job, CancellationToken cancellationToken)
    {
        if (job.Prompt.Length == 0)
        {
            throw ApiException.BadRequest("[request] prompt: expected a text, got none", "prompt");
        }
        if (job.Prompt.Length >= model.ContextLength)
        {
            throw ApiException.ContextExceeded(model.ContextLength, job.Prompt.Length);
        }
        return pool.RentAsync(job.Prompt, cancellationToken);
    }

    /// <summary>The answer, step by step, with an end in the last one.</summary>
    public async IAsyncEnumerable<AnswerStep> RunAsync(
        AnswerJob job, SessionLease lease,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var progress = new AnswerProgress(job, lease.CachedTokens);
        int ahead = job.ConversationLength - lease.CachedTokens;
        if (ahead >= LeastToRemember)
        {
            // The session can then go back to the end of the conversation without running it
            // again, when the next turn leaves out what the model thought in this one.
            await lease.Session.PrefillAsync(ahead, cancellationToken).ConfigureAwait(false);
        }
        await foreach (var update in lease.Session
            .GenerateAsync(job.Options, cancellationToken).ConfigureAwait(false))
        {
            if (progress.Add(update) && progress.GeneratedTokens == 1)
            {
                metrics.FirstToken(Stopwatch.GetElapsedTime(job.Arrived));
            }
            if (progress.Step.End is { } end)
            {
                metrics.Generated(end);
                ServerLog.Generated(
                    logger, end.PromptTokens, end.CachedTokens, end.GeneratedTokens, end.Reason);
                yield return progress.Step;
                yield break;
            }
            if (progress.Step.Parts.Count > 0 || progress.Step.Tokens.Count > 0)
            {
                yield return progress.Step;
            }
        }
    }

    /// <summary>Runs a job to its end.</summary>
    /// <param name="job">The job.</param>
    /// <param name="take">Gets each step.</param>
    /// <param name="deadline">When it ends early.</param>
    public async Task RunToEndAsync(AnswerJob job, Action<AnswerStep> take, Deadline deadline)
    {
        using var lease = await AdmitAsync(job, deadline.Token).ConfigureAwait(false);
        await foreach (var step in RunAsync(job, lease, deadline.Token).ConfigureAwait(false))
        {
            take(step);
        }
    }
}
