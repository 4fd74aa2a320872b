using System.Diagnostics.CodeAnalysis;

namespace MetalMoe.Engine;

/// <summary>
/// Work of one session. All members but the constructor run on the engine's thread.
/// </summary>
internal abstract class EngineRequest(SessionState state, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SessionState State => state;

    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>Ends, never with an error, when the engine is done with the request.</summary>
    public Task Completion => _completion.Task;

    /// <summary>True while a step of this request may be abandoned: the session has a place to
    /// go back to.</summary>
    public abstract bool CanAbandonStep { get; }

    /// <summary>Prepares the request; the session's device state is where its tokens are.
    /// </summary>
    public abstract void Start();

    /// <summary>
    /// Queues tokens for the step that follows at once, so that between two steps of a decoding
    /// request nothing is pending and a cancellation leaves a settled state.
    /// </summary>
    public abstract void BeforeStep();

    /// <summary>Takes what the last step brought; true when the request is finished.</summary>
    public abstract bool Advance();

    /// <summary>Ends the request, with an error or without.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "The error is delivered, not lost.")]
    public void Complete(Exception? error)
    {
        try
        {
            Finish(error);
        }
        finally
        {
            _completion.TrySetResult();
        }
    }

    /// <summary>Tells the caller that the request ended.</summary>
    protected abstract void Finish(Exception? error);
}
