using MetalMoe.Core;

namespace MetalMoe;

/// <summary>How a <see cref="MetalMoeChatClient"/> works. Immutable.</summary>
public sealed record MetalMoeChatClientOptions
{
    /// <summary>
    /// What a request generates where its own options say nothing. A seed of 0 stands for a new
    /// one for every request.
    /// </summary>
    public GenerationOptions Defaults { get; init; } = new();

    /// <summary>Lets the model think before it answers, or keeps it from that; null leaves the
    /// choice to the model's template. A request's reasoning effort comes first.</summary>
    public bool? EnableThinking { get; init; }

    /// <summary>
    /// Sessions of the model that the client uses at most, and so requests that run at the same
    /// time; more of them wait for their turn. 0 for as many as the model allows.
    /// </summary>
    public int MaxSessions { get; init; }

    /// <summary>Name of the model in responses; null for its own.</summary>
    public string? ModelId { get; init; }

    /// <summary>Disposes the model together with the client.</summary>
    public bool OwnsModel { get; init; }

    /// <summary>Writes prompts and answers to the log, at level Trace. Off, no text of a
    /// conversation is logged at any level.</summary>
    public bool LogContent { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        Defaults.Validate();
        if (MaxSessions < 0)
        {
            throw new MetalMoeException(
                $"[chat] sessions: expected 0 (all) or more, got {MaxSessions}");
        }
    }
}
