using System.Text;
using MetalMoe.Core;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.CApi;

/// <summary>Gets a piece of an answer on the thread that generates; false stops.</summary>
internal delegate bool PieceHandler(string text, int token);

/// <summary>
/// A session behind a handle. One generation at a time; a gate decides which call comes first
/// when they come from several threads.
/// </summary>
internal sealed class SessionEntry(ModelEntry owner, MoeModel model, Session session)
{
    private readonly Lock _gate = new();
    private readonly List<ChatMessage> _turns = [];
    private CancellationTokenSource? _running;
    private bool _isClosed;
    private string _grammarText = "";
    private TextGrammar? _grammar;

    /// <summary>Generates to the end of the answer on the calling thread.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or the handler said so.
    /// </exception>
    public (FinishReason Reason, GenerationStatistics Statistics) Generate(
        string text, GenerateFlags flags, GenerationOptions options, string? gbnf, string? schema,
        PieceHandler handler)
    {
        using var stop = new CancellationTokenSource();
        Enter("generate", stop);
        try
        {
            options = options with { Grammar = ReadGrammar(gbnf, schema) };
            options.Validate();
            return flags.HasFlag(GenerateFlags.Chat)
                ? Answer(text, flags.HasFlag(GenerateFlags.Think), options, handler, stop)
                : Continue(text, flags.HasFlag(GenerateFlags.ParseSpecial), options, handler, stop);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Stops what runs, if anything does.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            _running?.Cancel();
        }
    }

    public void Reset()
    {
        using var stop = new CancellationTokenSource();
        Enter("reset", stop);
        session.Reset();
        _turns.Clear();
        Exit();
    }

    /// <exception cref="CallException">A generation runs, or it was closed.</exception>
    public void Close()
    {
        lock (_gate)
        {
            CheckIdle("close");
            _isClosed = true;
        }
        session.Dispose();
        owner.Forget();
    }

    private (FinishReason Reason, GenerationStatistics Statistics) Continue(
        string text, bool parseSpecial, GenerationOptions options, PieceHandler handler,
        CancellationTokenSource stop)
    {
        int before = session.TokenCount;
        bool hasBegun = false;
        try
        {
            if (session.Append(text, parseSpecial) == 0)
            {
                throw new MetalMoeException("[generate] text: expected a text, got none");
            }
            return Pump(options, (piece, token) =>
            {
                hasBegun = true;
                return handler(piece, token);
            }, stop);
        }
        catch when (!hasBegun)
        {
            // The text would otherwise wait for the next call, which brings its own.
            session.Rewind(before);
            throw;
        }
    }

    private (FinishReason Reason, GenerationStatistics Statistics) Answer(
        string text, bool think, GenerationOptions options, PieceHandler handler,
        CancellationTokenSource stop)
    {
        var answer = new StringBuilder();
        int before = _turns.Count;
        _turns.Add(new ChatMessage("user", text));
        try
        {
            session.SetTokens(model.Text.EncodeChat(_turns, think));
            return Pump(options, (piece, token) =>
            {
                answer.Append(piece);
                return handler(piece, token);
            }, stop);
        }
        finally
        {
            // A question without any answer is as if it had not been asked.
            if (answer.Length > 0)
            {
                _turns.Add(new ChatMessage("assistant", answer.ToString()));
            }
            else
            {
                _turns.RemoveRange(before, _turns.Count - before);
            }
        }
    }

    // The caller is a native thread that asked to be kept: it waits here, and the answer's pieces
    // are handed out on it.
    private (FinishReason Reason, GenerationStatistics Statistics) Pump(
        GenerationOptions options, PieceHandler handler, CancellationTokenSource stop)
    {
        var updates = session.GenerateAsync(options, stop.Token)
            .GetAsyncEnumerator(CancellationToken.None);
        GenerationUpdate last = default;
        try
        {
            while (updates.MoveNextAsync().AsTask().GetAwaiter().GetResult())
            {
                last = updates.Current;
                if ((last.Text.Length > 0 || last.TokenId is not null)
                    && !handler(last.Text, last.TokenId ?? -1))
                {
                    throw new OperationCanceledException("[generate] stopped by the callback");
                }
            }
        }
        finally
        {
            updates.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
        return (last.FinishReason!.Value, last.Statistics!);
    }

    // Masks are kept with the grammar, so an unchanged one is not read again.
    private TextGrammar? ReadGrammar(string? gbnf, string? schema)
    {
        if (gbnf is not null && schema is not null)
        {
            throw new MetalMoeException(
                "[generate] grammar, json_schema: expected one of them, got both");
        }
        string? text = gbnf ?? schema;
        if (text is null)
        {
            return null;
        }
        string key = (gbnf is null ? "schema " : "gbnf ") + text;
        if (_grammar is null || key != _grammarText)
        {
            _grammar = gbnf is null
                ? TextGrammar.FromJsonSchema(text) : TextGrammar.ParseGbnf(text);
            _grammarText = key;
        }
        return _grammar;
    }

    private void Enter(string function, CancellationTokenSource stop)
    {
        lock (_gate)
        {
            CheckIdle(function);
            _running = stop;
        }
    }

    private void Exit()
    {
        lock (_gate)
        {
            _running = null;
        }
    }

    private void CheckIdle(string function)
    {
        if (_isClosed)
        {
            throw new CallException(Status.InvalidArgument,
                $"[{function}] session: expected an open session, got a closed one");
        }
        if (_running is not null)
        {
            throw new CallException(
                Status.Busy, $"[{function}] session: a generation runs; cancel it first");
        }
    }
}
