using System.Runtime.CompilerServices;
using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using MetalMoe.Engine;

namespace MetalMoe;

/// <summary>
/// Receives logits [V] after the token at <paramref name="position"/>, on the engine's thread;
/// the span is valid during the call only.
/// </summary>
public delegate void LogitsHandler(int position, ReadOnlySpan<float> logits);

/// <summary>
/// One conversation with a model: text goes in with Append, answers come out of
/// <see cref="GenerateAsync"/>, and the state stays between the two. One call at a time: a call
/// while an answer is being generated is an <see cref="InvalidOperationException"/>.
/// </summary>
/// <remarks>
/// A cancelled or failed request leaves the session usable. Cancelled before the first token,
/// the session is as before the call; cancelled later, the tokens given so far are part of it.
/// </remarks>
public sealed class Session : IDisposable, IAsyncDisposable
{
    private readonly MoeModel _model;
    private readonly SessionState _state;
    private readonly CancellationTokenSource _disposing = new();
    private EngineRequest? _request;
    private int _isBusy;
    private int _isDisposed;

    internal Session(MoeModel model, int checkpoints)
    {
        _model = model;
        _state = new SessionState(checkpoints);
    }

    /// <summary>Tokens of the session: prompt, answers, and what waits for the next request.
    /// </summary>
    public int TokenCount => _state.Count;

    /// <summary>Positions the session can hold.</summary>
    public int ContextLength => _model.ContextLength;

    /// <summary>The tokens of the session in order.</summary>
    public int[] GetTokens() => Exclusively(() => (int[])[.. _state.Ran, .. _state.Waiting]);

    /// <summary>Adds text; the next request runs it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecial">Reads names such as <c>&lt;|im_end|&gt;</c> as the tokens they
    /// name. Off for text that other people wrote.</param>
    /// <returns>How many tokens it is.</returns>
    public int Append(string text, bool parseSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        int[] tokens = _model.Text.Encode(text, parseSpecial, isStart: _state.Count == 0);
        Append(tokens);
        return tokens.Length;
    }

    /// <summary>Adds tokens; the next request runs them.</summary>
    /// <exception cref="MetalMoeException">A token is not in the vocabulary.</exception>
    public void Append(ReadOnlySpan<int> tokens)
    {
        _model.CheckTokens(tokens);
        Enter();
        _state.Append(tokens);
        Exit();
    }

    /// <summary>
    /// Makes <paramref name="tokens"/> the session's tokens. What agrees with the present ones is
    /// not run again, as far as the recurrent state can go back.
    /// </summary>
    /// <returns>How many tokens need not run again.</returns>
    /// <exception cref="MetalMoeException">A token is not in the vocabulary.</exception>
    public int SetTokens(ReadOnlySpan<int> tokens)
    {
        _model.CheckTokens(tokens);
        Enter();
        int kept = _state.Rebase(tokens);
        Exit();
        return kept;
    }

    /// <summary>
    /// Forgets all but the first <paramref name="tokenCount"/> tokens. The starts of the latest
    /// requests are cheap to go back to; from elsewhere the nearest of them before it runs again.
    /// </summary>
    /// <param name="tokenCount">0 to <see cref="TokenCount"/>.</param>
    /// <returns>How many tokens need not run again.</returns>
    public int Rewind(int tokenCount) => Exclusively(() =>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenCount, _state.Count);
        int[] tokens = [.. _state.Ran, .. _state.Waiting];
        return _state.Rebase(tokens.AsSpan(0, tokenCount));
    });

    /// <summary>
    /// Opens a second session with the same tokens and a copy of the device state; from here on
    /// the two are independent.
    /// </summary>
    /// <exception cref="InvalidOperationException">The session is busy, or as many sessions are
    /// open as <see cref="MoeModelOptions.MaxSessions"/> allows.</exception>
    public async Task<Session> ForkAsync()
    {
        Enter();
        try
        {
            var fork = _model.CreateSession();
            try
            {
                await _model.InvokeAsync(
                    scheduler => fork._state.CopyFrom(_state, scheduler)).ConfigureAwait(false);
                return fork;
            }
            catch
            {
                await fork.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Enter();
        _state.Reset();
        Exit();
    }

    /// <summary>Answers to what was appended, piece by piece.</summary>
    /// <param name="options">What to generate; null for the defaults.</param>
    /// <param name="cancellationToken">Stops within one step, in the middle of a prompt too.
    /// </param>
    /// <exception cref="MetalMoeException">An option is impossible, or the context is full.
    /// </exception>
    /// <exception cref="InvalidOperationException">Nothing was appended, or the session is busy.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async IAsyncEnumerable<GenerationUpdate> GenerateAsync(
        GenerationOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        options.Validate();
        Enter();
        // Cancelled too when the caller leaves its loop early.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, _disposing.Token);
        GenerationRequest? request = null;
        try
        {
            var mask = options.Grammar is null
                ? null : _model.Grammars.CreateMask(options.Grammar, options.GrammarAfter);
            request = new GenerationRequest(_state, options, _model.Text,
                _model.VocabularySize, ContextLength, mask, _model.Metrics, stop.Token);
            Submit(request);
            var updates = request.Updates;
            while (await WaitAsync(updates, cancellationToken).ConfigureAwait(false))
            {
                while (updates.TryRead(out var update))
                {
                    yield return update;
                }
            }
        }
        finally
        {
            if (request is not null)
            {
                await stop.CancelAsync().ConfigureAwait(false);
                await request.Completion.ConfigureAwait(false);
            }
            Exit();
        }
    }

    /// <summary>Runs what was appended and <paramref name="tokens"/>, and hands out logits.
    /// </summary>
    /// <param name="tokens">Token ids; may be empty when something was appended.</param>
    /// <param name="mode">Which rows of all these tokens need logits.</param>
    /// <param name="handler">Gets them; required unless the mode is None.</param>
    /// <param name="cancellationToken">Stops within one step; the session is then as before the
    /// call, and the tokens wait for the next one.</param>
    /// <exception cref="MetalMoeException">A token is not in the vocabulary, or the context is
    /// full.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task EvaluateAsync(
        ReadOnlyMemory<int> tokens, LogitsMode mode, LogitsHandler? handler,
        CancellationToken cancellationToken = default)
    {
        if (mode != LogitsMode.None)
        {
            ArgumentNullException.ThrowIfNull(handler);
        }
        Append(tokens.Span);
        await RunAsync(int.MaxValue, mode, handler, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs the first <paramref name="count"/> waiting tokens: the next request begins
    /// behind them, at a place that is cheap to go back to.</summary>
    internal Task PrefillAsync(int count, CancellationToken cancellationToken) =>
        RunAsync(count, LogitsMode.None, null, cancellationToken);

    /// <summary>What <see cref="SetTokens"/> would return.</summary>
    internal int CountReusable(int[] tokens) => Exclusively(() => _state.CountReusable(tokens));

    /// <summary>Stops what runs and frees the session's place on the device.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _disposing.Cancel();
            _model.Close(_state);
        }
    }

    /// <summary>As <see cref="Dispose"/>, and waits until what ran has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        var request = _request;
        Dispose();
        if (request is not null)
        {
            await request.Completion.ConfigureAwait(false);
        }
    }

    private async Task RunAsync(
        int count, LogitsMode mode, LogitsHandler? handler, CancellationToken cancellationToken)
    {
        Enter();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, _disposing.Token);
        try
        {
            if (_state.Waiting.Count == 0)
            {
                throw new InvalidOperationException("[evaluate] no tokens");
            }
            var request = new EvaluationRequest(_state, count, mode, handler, stop.Token);
            Submit(request);
            await request.Completion.ConfigureAwait(false);
            await request.Result.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        finally
        {
            Exit();
        }
    }

    // The channel reports a cancellation under the linked token; the caller knows its own.
    private static async ValueTask<bool> WaitAsync(
        System.Threading.Channels.ChannelReader<GenerationUpdate> updates,
        CancellationToken cancellationToken)
    {
        try
        {
            return await updates.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private void Submit(EngineRequest request)
    {
        _model.Submit(request);
        _request = request;
    }

    private T Exclusively<T>(Func<T> action)
    {
        Enter();
        try
        {
            return action();
        }
        finally
        {
            Exit();
        }
    }

    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            throw new InvalidOperationException(
                "[session] busy: one request at a time; await the running one or cancel it");
        }
    }

    private void Exit()
    {
        _request = null;
        Volatile.Write(ref _isBusy, 0);
    }
}
