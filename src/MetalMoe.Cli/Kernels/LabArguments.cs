using System.CommandLine;
using System.Globalization;
using MetalMoe.Core.Synthesis;
using MetalMoe.Metal.Lab;

namespace MetalMoe.Cli.Kernels;

/// <summary>The options of the commands that run kernels.</summary>
internal sealed class LabArguments
{
    /// <summary>What <c>--set</c> may change, and how.</summary>
    private static readonly Dictionary<string, Func<SynthesisShape, int, SynthesisShape>>
        s_settings = new(StringComparer.Ordinal)
        {
            ["embedding"] = (s, n) => s with { EmbeddingLength = n },
            ["heads"] = (s, n) => s with { HeadCount = n },
            ["kv-heads"] = (s, n) => s with { HeadCountKv = n },
            ["head-dim"] = (s, n) => s with { KeyLength = n },
            ["key-heads"] = (s, n) => s with { SsmGroupCount = n },
            ["value-heads"] = (s, n) => s with { SsmTimeStepRank = n },
            ["state"] = (s, n) => s with { SsmStateSize = n },
            ["experts"] = (s, n) => s with { ExpertCount = n },
            ["experts-used"] = (s, n) => s with { ExpertUsedCount = n },
            ["expert-width"] = (s, n) => s with { ExpertFeedForwardLength = n },
            ["shared-width"] = (s, n) => s with { ExpertSharedFeedForwardLength = n },
            ["ffn-width"] = (s, n) => s with { FeedForwardLength = n },
        };

    public Option<string?> Model { get; } = new("--model", "-m")
    {
        Description = "Take weights and shapes of this GGUF file instead of random ones",
        HelpName = "FILE",
    };

    public Option<string> Preset { get; } = new("--preset")
    {
        Description = "Shape of random weights: "
            + string.Join(", ", SynthesisShape.Presets.Keys),
        HelpName = "NAME",
        DefaultValueFactory = _ => "tiny",
    };

    public Option<string[]> Set { get; } = new("--set")
    {
        Description = "Change the preset: " + string.Join(", ", s_settings.Keys),
        HelpName = "KEY=N",
    };

    public Option<string> Quant { get; } = new("--quant")
    {
        Description = "Formats of random weights: " + string.Join(", ", QuantMix.Names),
        HelpName = "NAME",
        DefaultValueFactory = _ => "q4_k_m",
    };

    public Option<string> Part { get; } = new("--part")
    {
        Description = "What of a layer runs: " + string.Join(", ", LabSubject.Parts),
        HelpName = "NAME",
        DefaultValueFactory = _ => "ffn",
    };

    public Option<int?> Layer { get; } = new("--layer")
    {
        Description = "Which layer, instead of the first that has the part",
        HelpName = "N",
    };

    public Option<int> Tokens { get; } = new("--tokens")
    {
        Description = "Tokens of the step; more than 8 take the prefill kernels",
        HelpName = "T",
        DefaultValueFactory = _ => 1,
    };

    public Option<int> Position { get; } = new("--position")
    {
        Description = "Tokens that the sequence has before the step",
        HelpName = "S",
    };

    public Option<string?> Kernel { get; } = new("--kernel", "-k")
    {
        Description = "Show only kernels whose name contains this",
        HelpName = "TEXT",
    };

    public Option<string[]> Replace { get; } = new("--replace")
    {
        Description = "Take a family's kernels from your file: linear=my.metal",
        HelpName = "FAMILY=FILE",
    };

    public Option<ulong> Shuffle { get; } = new("--shuffle")
    {
        Description = "Seed of another order of lanes and threadgroups (software Metal)",
        HelpName = "SEED",
    };

    public Option<bool> Json { get; } = new("--json") { Description = "As JSON" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Part, Tokens, Position, Layer, Preset, Set, Quant,
            Model, Kernel, Replace, Shuffle, Json])
        {
            command.Add(option);
        }
    }

    /// <summary>The half layer to run.</summary>
    /// <exception cref="UsageException">An option has no meaning.</exception>
    public LabSubject Subject(ParseResult parsed)
    {
        int tokens = Positive(parsed, Tokens, 1);
        int position = Positive(parsed, Position, 0);
        string part = parsed.GetRequiredValue(Part);
        if (!LabSubject.Parts.Contains(part))
        {
            throw new UsageException(
                $"--part: expected one of {string.Join(", ", LabSubject.Parts)}, got '{part}'");
        }
        int? layer = parsed.GetValue(Layer);
        return parsed.GetValue(Model) is { } file
            ? LabSubject.FromFile(file, part, layer, tokens, position)
            : LabSubject.Random(
                Shape(parsed, part), parsed.GetRequiredValue(Quant), part, layer, tokens, position);
    }

    /// <summary>How the device is opened; the sources of <c>--replace</c> when
    /// <paramref name="replaced"/>.</summary>
    public LabOptions Options(ParseResult parsed, bool checks, bool replaced) => new()
    {
        Checks = checks,
        Shuffle = parsed.GetValue(Shuffle),
        Sources = replaced ? Sources(parsed) : new Dictionary<string, string>(),
    };

    /// <summary>Whether any <c>--replace</c> is given.</summary>
    public bool Replaces(ParseResult parsed) => parsed.GetValue(Replace) is { Length: > 0 };

    /// <summary>An integer option that must not be below its least value.</summary>
    public static int Positive(ParseResult parsed, Option<int> option, int least)
    {
        int value = parsed.GetValue(option);
        return value >= least && value <= 65536 ? value : throw new UsageException(
            $"{option.Name}: expected {least} to 65536, got {value}");
    }

    private Dictionary<string, string> Sources(ParseResult parsed)
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in parsed.GetValue(Replace) ?? [])
        {
            int at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0 || at == pair.Length - 1)
            {
                throw new UsageException($"--replace: expected FAMILY=FILE, got '{pair}'");
            }
            sources[pair[..at]] = File.ReadAllText(pair[(at + 1)..]);
        }
        return sources;
    }

    private SynthesisShape Shape(ParseResult parsed, string part)
    {
        string preset = parsed.GetRequiredValue(Preset);
        if (!SynthesisShape.Presets.TryGetValue(preset, out var shape))
        {
            throw new UsageException($"--preset: expected one of "
                + $"{string.Join(", ", SynthesisShape.Presets.Keys)}, got '{preset}'");
        }
        // One layer of the right kind is enough, and so is a small vocabulary.
        shape = shape with
        {
            Layers = 1,
            FullAttentionInterval = part == "attention" ? 1 : 2,
            RecurrentLayers = null,
            VocabularySize = 512,
        };
        foreach (string pair in parsed.GetValue(Set) ?? [])
        {
            string[] sides = pair.Split('=');
            if (sides.Length != 2 || !s_settings.TryGetValue(sides[0], out var apply)
                || !int.TryParse(sides[1], CultureInfo.InvariantCulture, out int value))
            {
                throw new UsageException($"--set: expected KEY=N with one of "
                    + $"{string.Join(", ", s_settings.Keys)}, got '{pair}'");
            }
            shape = apply(shape, value);
        }
        return shape;
    }
}
