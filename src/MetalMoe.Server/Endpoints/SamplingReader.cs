using System.Globalization;
using System.Security.Cryptography;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary>Reads how tokens are to be chosen.</summary>
internal static class SamplingReader
{
    private const int MaxStops = 16;
    private const int MaxStopLength = 1000;
    private const int MaxBiases = 1024;

    /// <summary>The server's defaults with what the request says instead.</summary>
    /// <exception cref="ApiException">A value is out of its range.</exception>
    public static SamplingOptions Read(
        SamplingRequestJson request, SamplingOptions defaults, int vocabularySize)
    {
        return defaults with
        {
            Temperature = InRange("temperature", request.Temperature, 0, 2)
                ?? defaults.Temperature,
            TopP = InRange("top_p", request.TopP, 0, 1) switch
            {
                null => defaults.TopP,
                // Nothing but the likeliest token, in OpenAI's reading.
                0 => float.Epsilon,
                { } p => p,
            },
            TopK = request.TopK is null or >= 0 ? request.TopK ?? defaults.TopK
                : throw ApiException.BadField("top_k", "0 (all) or more", "less"),
            MinP = InRange("min_p", request.MinP, 0, 1) ?? defaults.MinP,
            PresencePenalty = InRange("presence_penalty", request.PresencePenalty, -2, 2)
                ?? defaults.PresencePenalty,
            FrequencyPenalty = InRange("frequency_penalty", request.FrequencyPenalty, -2, 2)
                ?? defaults.FrequencyPenalty,
            RepetitionPenalty = InRange(
                "repetition_penalty", request.RepetitionPenalty, 0.01f, 100)
                ?? defaults.RepetitionPenalty,
            Seed = request.Seed is { } seed
                ? unchecked((ulong)seed) : (ulong)RandomNumberGenerator.GetInt32(int.MaxValue),
            LogitBias = request.LogitBias is { Count: > 0 } bias
                ? ReadBias(bias, vocabularySize) : defaults.LogitBias,
        };
    }

    /// <summary>The stop strings, few and short enough.</summary>
    /// <exception cref="ApiException">They are not.</exception>
    public static IReadOnlyList<string> ReadStops(SamplingRequestJson request)
    {
        var stops = request.Stop ?? [];
        return stops.Count <= MaxStops
            && stops.All(stop => stop.Length is > 0 and <= MaxStopLength)
            ? stops
            : throw ApiException.BadField(
                "stop", $"at most {MaxStops} texts of 1 to {MaxStopLength} characters", "other");
    }

    /// <summary>Refuses what this server does not do.</summary>
    /// <exception cref="ApiException">The request is for another model, or for several answers.
    /// </exception>
    public static void CheckCommon(SamplingRequestJson request, string servedModel)
    {
        if (request.Model is { } model && model != servedModel)
        {
            throw ApiException.ModelNotFound(servedModel, model);
        }
        if (request.N is not (null or 1))
        {
            throw ApiException.Unsupported("n", "expected 1, got another number");
        }
        if (request.StreamOptions is not null && request.Stream != true)
        {
            throw ApiException.BadField("stream_options", "none without stream", "some");
        }
    }

    /// <exception cref="ApiException">The number is not positive.</exception>
    public static int? Positive(string param, int? value) =>
        value is null or > 0 ? value : throw ApiException.BadField(param, "at least 1", "less");

    private static float? InRange(string param, float? value, float least, float most) =>
        value is null || (value >= least && value <= most) ? value
        : throw ApiException.BadField(
            param, string.Create(CultureInfo.InvariantCulture, $"{least} to {most}"), "other");

    private static Dictionary<int, float> ReadBias(
        IReadOnlyDictionary<string, float> given, int vocabularySize)
    {
        if (given.Count > MaxBiases)
        {
            throw ApiException.BadField("logit_bias", $"at most {MaxBiases} tokens", "more");
        }
        var bias = new Dictionary<int, float>(given.Count);
        foreach (var (key, value) in given)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int token)
                || token >= vocabularySize || !(value is >= -100 and <= 100))
            {
                throw ApiException.BadField(
                    "logit_bias", "token ids with numbers from -100 to 100", "other");
            }
            // OpenAI's ends of the range mean never and always.
            bias[token] = value == -100 ? float.NegativeInfinity : value;
        }
        return bias;
    }
}
