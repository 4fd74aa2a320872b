namespace MetalMoe.Core.Runtime;

/// <summary>Receives the logits that a sequence asked for, on the thread that runs the step.
/// </summary>
public interface ILogitsSink
{
    /// <summary>Logits [V] after the token at <paramref name="position"/>; the span is valid
    /// during the call only.</summary>
    void OnLogits(int position, ReadOnlySpan<float> logits);
}
