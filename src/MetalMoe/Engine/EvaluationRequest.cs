using System.Diagnostics.CodeAnalysis;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Engine;

/// <summary>Runs the waiting tokens, or the first of them, and hands out their logits.</summary>
internal sealed class EvaluationRequest(
    SessionState state, int maxTokens, LogitsMode mode, LogitsHandler? handler,
    CancellationToken token)
    : EngineRequest(state, token), ILogitsSink
{
    private readonly TaskCompletionSource _result =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Exception? _error;
    private int _count;

    /// <summary>Ends with the request's error.</summary>
    public Task Result => _result.Task;

    public override bool CanAbandonStep => true;

    public override void Start()
    {
        State.Mark();
        _count = Math.Min(maxTokens, State.Waiting.Count);
    }

    public override void BeforeStep()
    {
        if (State.Sequence.PendingCount == 0)
        {
            State.Sequence.Append([.. State.Waiting.Take(_count)], mode, this);
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the caller.")]
    public void OnLogits(int position, ReadOnlySpan<float> logits)
    {
        if (_error is null)
        {
            try
            {
                handler?.Invoke(position, logits);
            }
            catch (Exception error)
            {
                // The step of other sessions must not fail with it.
                _error = error;
            }
        }
    }

    public override bool Advance()
    {
        bool isDone = State.Sequence.PendingCount == 0;
        if (isDone)
        {
            State.MarkRun(_count);
        }
        return _error is null ? isDone : throw _error;
    }

    protected override void Finish(Exception? error)
    {
        if (error is OperationCanceledException)
        {
            _result.TrySetCanceled(CancellationToken);
        }
        else if (error is not null)
        {
            _result.TrySetException(error);
        }
        else
        {
            _result.TrySetResult();
        }
    }
}
