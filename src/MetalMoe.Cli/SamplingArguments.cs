using System.CommandLine;
using System.Security.Cryptography;
using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Cli;

/// <summary>The options of every command that generates text.</summary>
internal sealed class SamplingArguments
{
    private static readonly SamplingOptions Defaults = new();

    private readonly Option<int> _maxTokens = new("--max-tokens", "-n")
    {
        Description = "Most tokens to generate",
        HelpName = "N",
        DefaultValueFactory = _ => 256,
    };

    private readonly Option<float> _temperature = new("--temperature")
    {
        Description = "0 always takes the most likely token",
        HelpName = "T",
        DefaultValueFactory = _ => Defaults.Temperature,
    };

    private readonly Option<int> _topK = new("--top-k")
    {
        Description = "Draw from the K most likely tokens, 0 for all",
        HelpName = "K",
        DefaultValueFactory = _ => Defaults.TopK,
    };

    private readonly Option<float> _topP = new("--top-p")
    {
        Description = "Draw from the most likely tokens that reach probability P, 1 for all",
        HelpName = "P",
        DefaultValueFactory = _ => Defaults.TopP,
    };

    private readonly Option<float> _minP = new("--min-p")
    {
        Description = "Leave out tokens below P times the best one's probability",
        HelpName = "P",
    };

    private readonly Option<float> _repetition = new("--repetition-penalty")
    {
        Description = "Divides the logits of recent tokens, 1 for off",
        HelpName = "X",
        DefaultValueFactory = _ => Defaults.RepetitionPenalty,
    };

    private readonly Option<float> _presence = new("--presence-penalty")
    {
        Description = "Subtracted once from the logits of recent tokens",
        HelpName = "X",
    };

    private readonly Option<float> _frequency = new("--frequency-penalty")
    {
        Description = "Subtracted from the logits of recent tokens each time they occurred",
        HelpName = "X",
    };

    private readonly Option<int> _window = new("--penalty-window")
    {
        Description = "How many of the last tokens count as recent",
        HelpName = "N",
        DefaultValueFactory = _ => Defaults.PenaltyWindow,
    };

    private readonly Option<ulong?> _seed = new("--seed")
    {
        Description = "Same seed, same text; without one each run differs",
        HelpName = "N",
    };

    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "End before this text; may be given several times",
        HelpName = "TEXT",
    };

    private readonly Option<string[]> _bias = new("--logit-bias")
    {
        Description = "Add to a token's logit, -inf bans it; may be given several times",
        HelpName = "ID:X",
    };

    private readonly Option<string?> _grammar = new("--grammar")
    {
        Description = "The answer keeps to the GBNF grammar in this file",
        HelpName = "FILE",
    };

    private readonly Option<string?> _schema = new("--json-schema")
    {
        Description = "The answer is JSON of the schema in this file",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_maxTokens, _temperature, _topK, _topP, _minP,
            _repetition, _presence, _frequency, _window, _seed, _stop, _bias, _grammar,
            _schema])
        {
            command.Add(option);
        }
    }

    /// <summary>The options, checked; a seed is drawn when none was given.</summary>
    /// <exception cref="UsageException">A value is out of its range.</exception>
    public GenerationOptions Read(ParseResult parsed)
    {
        var options = new GenerationOptions
        {
            MaxTokens = parsed.GetValue(_maxTokens),
            StopStrings = parsed.GetValue(_stop) ?? [],
            Grammar = ReadGrammar(parsed.GetValue(_grammar), parsed.GetValue(_schema)),
            Sampling = new SamplingOptions
            {
                Temperature = parsed.GetValue(_temperature),
                TopK = parsed.GetValue(_topK),
                TopP = parsed.GetValue(_topP),
                MinP = parsed.GetValue(_minP),
                RepetitionPenalty = parsed.GetValue(_repetition),
                PresencePenalty = parsed.GetValue(_presence),
                FrequencyPenalty = parsed.GetValue(_frequency),
                PenaltyWindow = parsed.GetValue(_window),
                Seed = parsed.GetValue(_seed) ?? (ulong)RandomNumberGenerator.GetInt32(1 << 30),
                LogitBias = ReadBias(parsed.GetValue(_bias) ?? []),
            },
        };
        return Usage.Check(options, o => o.Validate());
    }

    private static TextGrammar? ReadGrammar(string? grammar, string? schema)
    {
        if (grammar is not null && schema is not null)
        {
            throw new UsageException("--grammar, --json-schema: expected one of them, got both");
        }
        string? path = grammar ?? schema;
        if (path is null)
        {
            return null;
        }
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MetalMoeException(
                $"[grammar] file: expected a readable file, got '{path}' ({error.Message})");
        }
        return grammar is not null
            ? TextGrammar.ParseGbnf(text) : TextGrammar.FromJsonSchema(text);
    }

    private static Dictionary<int, float> ReadBias(string[] values)
    {
        var bias = new Dictionary<int, float>();
        foreach (string value in values)
        {
            string[] parts = value.Split(':');
            if (parts.Length != 2 || !Usage.TryInt(parts[0], out int token)
                || !Usage.TryFloat(parts[1], out float x))
            {
                throw new UsageException(
                    $"--logit-bias: expected ID:X such as 15:-2.5, got '{value}'");
            }
            bias[token] = x;
        }
        return bias;
    }
}
