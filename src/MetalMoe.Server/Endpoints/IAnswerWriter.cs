using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>Writes one streamed answer in the form of an interface.</summary>
internal interface IAnswerWriter
{
    /// <summary>What comes before the first token.</summary>
    void Begin(EventStream stream);

    /// <summary>What a step brought; with the last one, all that ends the stream.</summary>
    void Write(EventStream stream, AnswerStep step);

    /// <summary>The stream ends here, and why.</summary>
    void Fail(EventStream stream, ApiException reason);
}
