using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>A streamed response: named events, each with its number.</summary>
internal sealed class ResponseStreamWriter(ResponseOutput output) : IAnswerWriter
{
    public void Begin(EventStream stream)
    {
        Write(stream, output.Event("response.created") with { Response = output.ToJson() });
        Write(stream, output.Event("response.in_progress") with { Response = output.ToJson() });
    }

    public void Write(EventStream stream, AnswerStep step)
    {
        output.Add(step, value => Write(stream, value));
        if (step.End is not null)
        {
            string type = output.IsIncomplete ? "response.incomplete" : "response.completed";
            Write(stream, output.Event(type) with { Response = output.ToJson() });
        }
    }

    public void Fail(EventStream stream, ApiException reason) =>
        Write(stream, output.Event("response.failed") with
        {
            Response = output.ToJson(new ErrorDetailJson(
                reason.Message, reason.Type, reason.Param, reason.Code ?? "server_error")),
        });

    private static void Write(EventStream stream, ResponseEventJson value) =>
        stream.Write(value, ServerJson.Api.ResponseEventJson, value.Type);
}
