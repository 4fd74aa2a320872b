using System.Text.Json;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary><c>POST /v1/completions</c>: continues a text, without a chat's form.</summary>
internal sealed class CompletionEndpoint(ServerContext server)
{
    private const int MaxLogprobs = 20;

    /// <summary>OpenAI's default where a request has none.</summary>
    private const int DefaultMaxTokens = 16;

    public async Task RunAsync(HttpContext context)
    {
        var request = await JsonBody.ReadAsync(
            context, ServerJson.Api.CompletionRequestJson, server.Options.ReceiveTimeout)
            .ConfigureAwait(false);
        var job = CreateJob(request);
        string id = ServerContext.NewId("cmpl-");
        if (request.Stream == true)
        {
            var writer = new CompletionStreamWriter(
                server, id, request.StreamOptions?.IncludeUsage == true);
            await server.StreamAsync(context, job, writer).ConfigureAwait(false);
            return;
        }
        var answer = new WholeAnswer();
        await server.AnswerAsync(context, job, answer.Add).ConfigureAwait(false);
        int offset = 0;
        var logprobs = request.Logprobs is null ? null
            : Logprobs.ForCompletion(answer.Tokens, server.Model.Text, ref offset);
        await JsonBody.WriteAsync(
            context,
            new CompletionJson(
                id, "text_completion", ServerContext.Now(), server.ModelName, server.Fingerprint,
                [new CompletionChoiceJson(0, answer.Text, logprobs, answer.End!.Reason)],
                ServerContext.UsageOf(answer.End)),
            ServerJson.Api.CompletionJson).ConfigureAwait(false);
    }

    private AnswerJob CreateJob(CompletionRequestJson request)
    {
        SamplingReader.CheckCommon(request, server.ModelName);
        if (request.BestOf is not (null or 1))
        {
            throw ApiException.Unsupported("best_of", "expected 1, got another number");
        }
        if (request.Echo == true)
        {
            throw ApiException.Unsupported("echo", "the prompt is not repeated");
        }
        if (!string.IsNullOrEmpty(request.Suffix))
        {
            throw ApiException.Unsupported("suffix", "a text is continued at its end only");
        }
        if (request.Logprobs is < 0 or > MaxLogprobs)
        {
            throw ApiException.BadField("logprobs", $"0 to {MaxLogprobs}", "other");
        }
        return new AnswerJob(
            ReadPrompt(request.Prompt),
            new GenerationOptions
            {
                MaxTokens = SamplingReader.Positive("max_tokens", request.MaxTokens)
                    ?? DefaultMaxTokens,
                Sampling = SamplingReader.Read(
                    request, server.Options.Sampling, server.Model.VocabularySize),
                StopStrings = SamplingReader.ReadStops(request),
                TopLogProbabilities = request.Logprobs,
            },
            null, EndsAtFirstCall: false);
    }

    /// <summary>A text, token ids, or an array with one of these.</summary>
    private int[] ReadPrompt(JsonElement? prompt)
    {
        const string Expected = "one text or one array of token ids";
        if (prompt is not { } given)
        {
            throw ApiException.BadField("prompt", Expected, "none");
        }
        if (given.ValueKind == JsonValueKind.Array && given.GetArrayLength() == 1
            && given[0].ValueKind is JsonValueKind.String or JsonValueKind.Array)
        {
            given = given[0];
        }
        if (given.ValueKind == JsonValueKind.String)
        {
            return server.Model.Text.Encode(
                given.GetString()!, parseSpecial: true, isStart: true);
        }
        if (given.ValueKind != JsonValueKind.Array)
        {
            throw ApiException.BadField("prompt", Expected, "other");
        }
        var tokens = new int[given.GetArrayLength()];
        int i = 0;
        foreach (var item in given.EnumerateArray())
        {
            tokens[i++] = item.ValueKind == JsonValueKind.Number
                && item.TryGetInt32(out int token)
                && token >= 0 && token < server.Model.VocabularySize
                ? token : throw ApiException.BadField("prompt", Expected, "other");
        }
        return tokens;
    }
}
