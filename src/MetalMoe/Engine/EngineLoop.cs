using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using MetalMoe.Core.Runtime;
using MetalMoe.Telemetry;

namespace MetalMoe.Engine;

/// <summary>
/// The one thread that drives the scheduler. Requests come in through a queue, run together in
/// the same steps, and answer through their own channels; no caller ever waits inside a step.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    private readonly BlockingCollection<Action> _commands = [];
    private readonly List<EngineRequest> _active = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Scheduler _scheduler;
    private readonly EngineMetrics _metrics;
    private readonly Thread _thread;

    public EngineLoop(Scheduler scheduler, EngineMetrics metrics)
    {
        _scheduler = scheduler;
        _metrics = metrics;
        _thread = new Thread(Run) { IsBackground = true, Name = "metalmoe engine" };
        _thread.Start();
    }

    /// <summary>Hands a request over; it is completed even when the engine stops.</summary>
    /// <exception cref="ObjectDisposedException">The engine has stopped.</exception>
    public void Submit(EngineRequest request) => Post(() =>
    {
        _active.Add(request);
        Guard(request, started =>
        {
            started.State.Settle(_scheduler);
            started.Start();
            return false;
        });
    });

    /// <summary>Runs an action between two steps.</summary>
    /// <exception cref="ObjectDisposedException">The engine has stopped.</exception>
    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the caller.")]
    public Task InvokeAsync(Action<Scheduler> action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                action(_scheduler);
                done.SetResult();
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task;
    }

    /// <summary>Frees a session's slot; when the engine has stopped, that is done already.
    /// </summary>
    public void Close(SessionState state)
    {
        try
        {
            _commands.Add(state.Close);
        }
        catch (InvalidOperationException)
        {
            // Stopped or disposed: the slots are gone with the scheduler.
        }
    }

    /// <summary>Abandons what runs and ends the thread.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }
        _stop.Cancel();
        _commands.CompleteAdding();
        _thread.Join();
        _scheduler.Dispose();
        _metrics.Close();
        _commands.Dispose();
        _stop.Dispose();
    }

    private void Post(Action command)
    {
        try
        {
            _commands.Add(command);
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(MoeModel));
        }
    }

    private void Run()
    {
        while (!_commands.IsCompleted)
        {
            // With work at hand only look for news, else sleep until there are some.
            while (_commands.TryTake(out var command, _active.Count > 0 ? 0 : Timeout.Infinite))
            {
                command();
            }
            DropCancelled();
            for (int i = _active.Count - 1; i >= 0; i--)
            {
                Guard(_active[i], static request =>
                {
                    request.BeforeStep();
                    return false;
                });
            }
            if (_active.Count > 0)
            {
                Step();
            }
        }
        DropCancelled();
    }

    private void DropCancelled()
    {
        for (int i = _active.Count - 1; i >= 0; i--)
        {
            var request = _active[i];
            bool isStopping = _stop.IsCancellationRequested;
            if (isStopping || request.CancellationToken.IsCancellationRequested)
            {
                End(request, isStopping
                    ? new ObjectDisposedException(nameof(MoeModel))
                    : new OperationCanceledException(request.CancellationToken));
            }
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the requests.")]
    private void Step()
    {
        try
        {
            // A step of several sessions belongs to all of them: one caller's cancellation then
            // takes effect after it.
            bool canAbandon = _active.Count == 1 && _active[0].CanAbandonStep;
            using var linked = canAbandon
                ? CancellationTokenSource.CreateLinkedTokenSource(
                    _active[0].CancellationToken, _stop.Token)
                : null;
            long start = Stopwatch.GetTimestamp();
            _scheduler.Step(linked?.Token ?? CancellationToken.None);
            _metrics.CountStep(start, _scheduler.LastStepTokens);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception error)
        {
            foreach (var request in _active.ToArray())
            {
                End(request, error);
            }
            return;
        }
        for (int i = _active.Count - 1; i >= 0; i--)
        {
            Guard(_active[i], static request => request.Advance());
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the request.")]
    private void Guard(EngineRequest request, Func<EngineRequest, bool> action)
    {
        try
        {
            if (action(request))
            {
                End(request, null);
            }
        }
        catch (Exception error)
        {
            End(request, error);
        }
    }

    private void End(EngineRequest request, Exception? error)
    {
        _active.Remove(request);
        if (error is not null)
        {
            request.State.RollBack();
        }
        request.Complete(error);
    }
}
