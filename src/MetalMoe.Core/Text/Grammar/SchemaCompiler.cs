using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>Turns a JSON schema into grammar rules. Supported keywords are listed at
/// <see cref="TextGrammar.FromJsonSchema(string)"/>.</summary>
internal sealed class SchemaCompiler
{
    public const int MaxDepth = 200;
    private const int MaxLeadingLineBreaks = 2;

    private readonly JsonRules _json;
    private readonly SchemaSource _source;
    private readonly SchemaOverlap _overlap;
    private readonly Dictionary<string, GrammarNode> _references = new(StringComparer.Ordinal);

    private SchemaCompiler(JsonRules json, JsonElement root)
    {
        _json = json;
        _source = new SchemaSource(root);
        _overlap = new SchemaOverlap(_source);
    }

    /// <summary>Models often write a line break behind the end of their reasoning.</summary>
    public static GrammarNode LeadingSpace { get; } =
        GrammarNode.Times(GrammarNode.Text("\n"), 0, MaxLeadingLineBreaks);

    public static (GrammarRule[] Rules, int Root) Compile(JsonElement schema)
    {
        var json = new JsonRules();
        int root = json.Reserve("root");
        json.Define(root, GrammarNode.All(LeadingSpace, CompileInto(json, schema)));
        return (json.ToArray(), root);
    }

    /// <summary>Adds the rules of a schema to others, and returns its values.</summary>
    public static GrammarNode CompileInto(JsonRules json, JsonElement schema) =>
        new SchemaCompiler(json, schema).CompileShared(new SchemaPlace(schema, "#"));

    /// <summary>One rule for a place that references name, however often they do.</summary>
    private GrammarNode CompileShared(SchemaPlace place)
    {
        if (!_references.TryGetValue(place.Pointer, out var node))
        {
            int rule = _json.Reserve(place.Pointer);
            node = new GrammarNode.Reference(rule);
            _references.Add(place.Pointer, node);
            _json.Define(rule, Compile(place));
        }
        return node;
    }

    private GrammarNode Compile(SchemaPlace place)
    {
        RuleFacts.CheckStack();
        var (schema, pointer) = place;
        switch (schema.ValueKind)
        {
            case JsonValueKind.True:
                return _json.Value;
            case JsonValueKind.False:
                throw GrammarException.InSchema(pointer, "the schema 'false' allows no value");
            case JsonValueKind.Object:
                break;
            default:
                throw GrammarException.InSchema(pointer, "a schema must be an object or a boolean");
        }
        SchemaKeywords.Check(schema, pointer);
        if (schema.TryGetProperty("$ref", out _))
        {
            SchemaKeywords.CheckAlone(schema, pointer, "$ref");
            return CompileShared(_source.Resolve(place));
        }
        foreach (string keyword in (ReadOnlySpan<string>)["enum", "const"])
        {
            if (schema.TryGetProperty(keyword, out _))
            {
                return CompileLiterals(place, keyword);
            }
        }
        foreach (string keyword in (ReadOnlySpan<string>)["anyOf", "oneOf"])
        {
            if (schema.TryGetProperty(keyword, out _))
            {
                return CompileBranches(place, keyword);
            }
        }
        if (schema.TryGetProperty("allOf", out _))
        {
            return CompileObject(place);
        }
        var types = SchemaKeywords.TypesOf(schema, pointer);
        return types == SchemaTypes.None
            ? _json.Value
            : GrammarNode.Any([.. Enum.GetValues<SchemaTypes>()
                .Where(t => t != SchemaTypes.None && types.HasFlag(t))
                .Select(t => CompileType(place, t))]);
    }

    private GrammarNode CompileType(SchemaPlace place, SchemaTypes type) => type switch
    {
        SchemaTypes.Null => GrammarNode.Text("null"),
        SchemaTypes.Boolean => GrammarNode.Any(
            GrammarNode.Text("true"), GrammarNode.Text("false")),
        SchemaTypes.Integer or SchemaTypes.Number => CompileNumber(place, type),
        SchemaTypes.String => CompileString(place),
        SchemaTypes.Array => CompileArray(place),
        _ => CompileObject(place),
    };

    private GrammarNode CompileLiterals(SchemaPlace place, string keyword)
    {
        var (schema, pointer) = place;
        SchemaKeywords.CheckAlone(schema, pointer, keyword, "type", "nullable");
        var value = schema.GetProperty(keyword);
        JsonElement[] values = keyword == "const" ? [value]
            : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()]
            : throw SchemaKeywords.Refuse(pointer, keyword, "must be an array");
        var types = SchemaKeywords.TypesOf(schema, pointer);
        GrammarNode[] options = [.. values
            .Where(v => types == SchemaTypes.None || (SchemaKeywords.TypesOf(v) & types) != 0)
            .Select(JsonRules.Exactly)];
        return options.Length > 0
            ? _json.Add($"{pointer}/{keyword}", GrammarNode.Any(options))
            : throw SchemaKeywords.Refuse(pointer, keyword, "has no value of the type");
    }

    private GrammarNode CompileBranches(SchemaPlace place, string keyword)
    {
        SchemaKeywords.CheckAlone(place.Schema, place.Pointer, keyword);
        var branches = place.Children(keyword);
        if (keyword == "oneOf")
        {
            _overlap.RefuseOverlap(branches, place.Pointer);
        }
        return GrammarNode.Any(Array.ConvertAll(branches, Compile));
    }

    private GrammarNode CompileString(SchemaPlace place)
    {
        var (schema, pointer) = place;
        int min = SchemaKeywords.Count(schema, "minLength", pointer) ?? 0;
        int? max = SchemaKeywords.Count(schema, "maxLength", pointer);
        if (max < min)
        {
            throw SchemaKeywords.Refuse(pointer, "maxLength", "is less than 'minLength'");
        }
        bool isBounded = min > 0 || max is not null;
        bool hasPattern = schema.TryGetProperty("pattern", out var pattern);
        bool hasFormat = schema.TryGetProperty("format", out var format);
        if ((hasPattern && (isBounded || hasFormat)) || (hasFormat && isBounded))
        {
            throw SchemaKeywords.Refuse(pointer, hasPattern ? "pattern" : "format",
                "is not supported beside another bound of the string");
        }
        if (!hasPattern && !hasFormat)
        {
            return _json.String(min, max);
        }
        string? text = hasPattern
            ? pattern.ValueKind == JsonValueKind.String ? pattern.GetString() : null
            : format.ValueKind == JsonValueKind.String
                ? SchemaFormats.Find(format.GetString()!) : null;
        if (text is null)
        {
            throw hasPattern
                ? SchemaKeywords.Refuse(pointer, "pattern", "must be a string")
                : SchemaKeywords.Refuse(pointer, "format",
                    $"'{format}' is not supported ({SchemaFormats.Names} are)");
        }
        return _json.Add($"{pointer}/string", JsonRules.Quoted(
            SchemaPattern.Compile(text, pointer, _json.Character)));
    }

    private GrammarNode CompileNumber(SchemaPlace place, SchemaTypes type)
    {
        bool isInteger = type == SchemaTypes.Integer;
        bool isBounded = SchemaBounds.AreIn(place.Schema);
        if (!isInteger && !isBounded)
        {
            return _json.Number;
        }
        var (min, max) = SchemaBounds.Read(place, isInteger);
        GrammarNode? number;
        if (isInteger)
        {
            long first = min.Value + (min.IsExclusive ? 1 : 0);
            long last = max.Value - (max.IsExclusive ? 1 : 0);
            number = first <= last ? NumberText.Integer(first, last) : null;
        }
        else
        {
            number = NumberText.Decimal(min, max);
        }
        return number is not null
            ? _json.Add($"{place.Pointer}/number", number)
            : throw GrammarException.InSchema(place.Pointer, "the bounds allow no number");
    }

    private GrammarNode CompileArray(SchemaPlace place)
    {
        var (schema, pointer) = place;
        int min = SchemaKeywords.Count(schema, "minItems", pointer) ?? 0;
        int? max = SchemaKeywords.Count(schema, "maxItems", pointer);
        var prefix = schema.TryGetProperty("prefixItems", out _)
            ? place.Children("prefixItems") : [];
        bool isClosed = schema.TryGetProperty("items", out var items)
            && items.ValueKind == JsonValueKind.False;
        if (isClosed)
        {
            max = Math.Min(max ?? prefix.Length, prefix.Length);
        }
        if (max < min)
        {
            throw SchemaKeywords.Refuse(pointer, "minItems", "asks for more than are allowed");
        }
        var rest = max <= prefix.Length ? null
            : items.ValueKind == JsonValueKind.Undefined ? _json.Value
            : _json.Add($"{pointer}/items", Compile(place.Child("items")));
        var first = prefix.Take(max ?? prefix.Length).Select(Compile).ToArray();
        return _json.Add($"{pointer}/array", _json.Array(first, rest, min, max));
    }

    private GrammarNode CompileObject(SchemaPlace place)
    {
        var merged = ObjectSchema.Read(place, _source);
        if (merged.IsAny)
        {
            return _json.AnyObject;
        }
        GrammarNode? extra = null;
        if (merged.Additional is { } additional)
        {
            var key = JsonRules.Quoted(KeyOtherThan([.. merged.Properties.Select(p => p.Name)]));
            extra = _json.Add($"{place.Pointer}/extra", _json.Member(key, Compile(additional)));
        }
        var members = merged.Properties.Select(p => (
            Node: _json.Member(
                JsonRules.Quoted(GrammarNode.Text(JsonRules.Escape(p.Name))), Compile(p.Place)),
            p.IsRequired)).ToArray();
        return _json.Add($"{place.Pointer}/object",
            _json.Braces(CompileMembers(members, extra, place.Pointer)));
    }

    /// <summary>
    /// Members in order, commas only between them: for each member that may be the first, what
    /// follows it. What follows a member begins with a comma, so it needs no knowledge of which
    /// were left out.
    /// </summary>
    private GrammarNode CompileMembers(
        (GrammarNode Node, bool IsRequired)[] members, GrammarNode? extra, string pointer)
    {
        var tail = extra is null
            ? GrammarNode.Empty : GrammarNode.Times(_json.Next(extra), 0, null);
        var head = extra is null
            ? GrammarNode.Empty : GrammarNode.Optional(GrammarNode.All(extra, tail));
        for (int i = members.Length - 1; i >= 0; i--)
        {
            var (node, isRequired) = members[i];
            var first = GrammarNode.All(node, tail);
            // Rules, so that each is written once although two ways lead to it.
            head = isRequired ? first
                : _json.Add($"{pointer}/first-{i}", GrammarNode.Any(first, head));
            var next = _json.Next(node);
            tail = _json.Add($"{pointer}/next-{i}", GrammarNode.All(
                isRequired ? next : GrammarNode.Optional(next), tail));
        }
        return head;
    }

    /// <summary>Keys without escapes that are none of the names.</summary>
    private static GrammarNode KeyOtherThan(string[] names)
    {
        var plain = GrammarNode.OneOf(JsonRules.Raw);
        return Other(names);

        GrammarNode Other(IEnumerable<string> rest)
        {
            RuleFacts.CheckStack();
            string[] left = [.. rest];
            if (left.Length == 0)
            {
                return GrammarNode.Times(plain, 0, null);
            }
            var options = new List<GrammarNode>();
            if (!left.Contains(""))
            {
                options.Add(GrammarNode.Empty);
            }
            var starts = left.Where(n => n.Length > 0)
                .GroupBy(n => n.EnumerateRunes().First()).ToArray();
            var others = JsonRules.Raw.Except(CodePointSet.Of(
                starts.Select(g => new CodePointRange(g.Key.Value))));
            options.Add(GrammarNode.All(
                GrammarNode.OneOf(others), GrammarNode.Times(plain, 0, null)));
            // A name with a character that must be escaped cannot be met by a key without.
            options.AddRange(starts.Where(g => JsonRules.Raw.Contains(g.Key.Value))
                .Select(g => GrammarNode.All(
                    GrammarNode.Text(g.Key.ToString()),
                    Other(g.Select(n => n[g.Key.Utf16SequenceLength..])))));
            return GrammarNode.Any([.. options]);
        }
    }
}
