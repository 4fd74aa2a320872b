using System.Text.Json;
using System.Text.Json.Nodes;
using MetalMoe.Core.Text.Jinja;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>Every template of llama.cpp times every conversation of ours.</summary>
internal sealed class TemplateCorpus
{
    private static readonly DateTimeOffset _now = new(2024, 7, 3, 14, 5, 9, TimeSpan.Zero);

    private TemplateCorpus(
        IReadOnlyList<(string Name, string Source)> templates,
        IReadOnlyList<string> variables,
        IReadOnlyList<TemplateCase> cases)
    {
        Templates = templates;
        Variables = variables;
        Cases = cases;
    }

    public IReadOnlyList<(string Name, string Source)> Templates { get; }

    /// <summary>Variables of a rendering, as JSON.</summary>
    public IReadOnlyList<string> Variables { get; }

    public IReadOnlyList<TemplateCase> Cases { get; }

    /// <summary>3 July 2024, 14:05:09; the peers' clocks stand there too.</summary>
    public static TimeProvider Clock { get; } = new FixedClock();

    /// <summary>The files beside this source.</summary>
    public static string Folder => Path.Combine(
        Peers.RepositoryRoot, "tests", "MetalMoe.Oracle.Tests", "Jinja");

    public static TemplateCorpus Load()
    {
        var templates = Directory
            .EnumerateFiles(Path.Combine(Peers.LlamaSource, "models", "templates"), "*.jinja")
            .Order(StringComparer.Ordinal)
            .Select(path => (Path.GetFileNameWithoutExtension(path), File.ReadAllText(path)))
            .ToList();
        var document = JsonNode.Parse(
            File.ReadAllText(Path.Combine(Folder, "conversations.json")))!;
        var variables = new List<string>();
        var names = new List<(string Conversation, string Variant)>();
        foreach (var conversation in document["conversations"]!.AsArray())
        {
            foreach (var variant in document["variants"]!.AsArray())
            {
                variables.Add(Combine(document, conversation!, variant!).ToJsonString());
                names.Add(((string)conversation!["name"]!, (string)variant!["name"]!));
            }
        }
        var cases =
            from template in Enumerable.Range(0, templates.Count)
            from index in Enumerable.Range(0, variables.Count)
            select new TemplateCase(
                template, index, templates[template].Item1,
                names[index].Conversation, names[index].Variant);
        return new TemplateCorpus(templates, variables, [.. cases]);
    }

    private static JsonObject Combine(JsonNode document, JsonNode conversation, JsonNode variant)
    {
        var variables = new JsonObject
        {
            ["messages"] = conversation["messages"]!.DeepClone(),
            ["bos_token"] = "<s>",
            ["eos_token"] = "</s>",
        };
        foreach (var (name, value) in variant["variables"]!.AsObject())
        {
            variables[name] = value!.DeepClone();
        }
        if (conversation["tools"] is not null)
        {
            variables["tools"] = document["tools"]!.DeepClone();
        }
        return variables;
    }

    /// <summary>What our engine makes of the cases.</summary>
    public Outcome[] Render()
    {
        var values = Variables.Select(json =>
        {
            using var parsed = JsonDocument.Parse(json);
            return parsed.RootElement.EnumerateObject()
                .ToDictionary(p => p.Name, p => JinjaValue.From(p.Value));
        }).ToList();
        var parsed = Templates.Select(t => Attempt(
            () => JinjaTemplate.Parse(t.Source, t.Name))).ToList();
        return [.. Cases.Select(one =>
        {
            var (template, error) = parsed[one.TemplateIndex];
            if (template is null)
            {
                return new Outcome(null, error);
            }
            var result = Attempt(
                () => template.Render(values[one.VariablesIndex], clock: Clock));
            return new Outcome(result.Value, result.Error);
        })];
    }

    private static (T? Value, string? Error) Attempt<T>(Func<T> action)
        where T : class
    {
        try
        {
            return (action(), null);
        }
        catch (JinjaException error)
        {
            return (null, error.Message);
        }
    }

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
