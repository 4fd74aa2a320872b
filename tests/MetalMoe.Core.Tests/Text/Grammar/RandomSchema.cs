using System.Text.Json.Nodes;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>Random schemas of the keywords that are supported, some of them recursive.</summary>
internal sealed class RandomSchema(int seed)
{
    private static readonly string[] _patterns =
        ["^[a-z]{1,8}$", "^(?:x|yz)+-[0-9]{2,}$", "b\\d", "^\\w+@\\w+\\.[a-z]{2,3}$",
        "^[^a-f\"]{2}"];

    private static readonly string[] _formats = ["date", "date-time", "time", "uuid"];

    private readonly Random _random = new(seed);

    /// <summary>A schema; with a definition that refers to itself every other time.</summary>
    public JsonObject Next()
    {
        bool isRecursive = _random.Next(2) == 0;
        var schema = Any(3, isRecursive);
        var root = new JsonObject
        {
            ["type"] = "object",
            ["title"] = "root",
            ["properties"] = new JsonObject { ["value"] = schema },
            ["required"] = new JsonArray("value"),
            ["additionalProperties"] = false,
        };
        if (isRecursive)
        {
            root["$defs"] = new JsonObject
            {
                ["tree"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject
                    {
                        ["label"] = String(),
                        ["next"] = new JsonObject
                        {
                            ["anyOf"] = new JsonArray(
                                new JsonObject { ["$ref"] = "#/$defs/tree" },
                                new JsonObject { ["type"] = "null" }),
                        },
                        ["all"] = new JsonObject
                        {
                            ["type"] = "array",
                            ["items"] = new JsonObject { ["$ref"] = "#/$defs/tree" },
                        },
                    },
                    ["required"] = new JsonArray("next"),
                },
            };
        }
        return root;
    }

    private JsonObject Any(int depth, bool isRecursive)
    {
        if (isRecursive && _random.Next(6) == 0)
        {
            return new JsonObject { ["$ref"] = "#/$defs/tree" };
        }
        return _random.Next(depth > 0 ? 12 : 6) switch
        {
            0 => Integer(),
            1 => Number(),
            2 or 3 => String(),
            4 => Literal(),
            5 => new JsonObject
            {
                ["type"] = _random.Next(2) == 0
                    ? JsonValue.Create("boolean") : new JsonArray("null", "boolean", "integer"),
            },
            6 => Branches(depth, isRecursive),
            7 or 8 => Array(depth, isRecursive),
            9 => Merged(depth, isRecursive),
            _ => Object(depth, isRecursive),
        };
    }

    private JsonObject Integer()
    {
        int min = _random.Next(-2000, 2000);
        int max = min + _random.Next(4) switch { 0 => 0, 1 => 9, _ => _random.Next(100_000) };
        var schema = new JsonObject { ["type"] = "integer" };
        Maybe(() => schema["minimum"] = min);
        Maybe(() => schema["maximum"] = max);
        Maybe(() => schema["exclusiveMaximum"] = max + 2);
        return schema;
    }

    private JsonObject Number()
    {
        int min = _random.Next(-50, 50);
        var schema = new JsonObject { ["type"] = "number" };
        Maybe(() => schema[_random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = min);
        Maybe(() => schema[_random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"]
            = min + 1 + _random.Next(100));
        return schema;
    }

    private JsonObject String()
    {
        var schema = new JsonObject { ["type"] = "string" };
        switch (_random.Next(5))
        {
            case 0:
                schema["pattern"] = _patterns[_random.Next(_patterns.Length)];
                break;
            case 1:
                schema["format"] = _formats[_random.Next(_formats.Length)];
                break;
            case 2:
                int min = _random.Next(4);
                schema["minLength"] = min;
                schema["maxLength"] = min + _random.Next(12);
                break;
        }
        return schema;
    }

    private JsonObject Literal() => _random.Next(2) == 0
        ? new JsonObject { ["const"] = _random.Next(100) }
        : new JsonObject
        {
            ["enum"] = new JsonArray("red", "re\"d", "grün", 7, null, true,
                new JsonObject { ["k"] = new JsonArray(1, 2) }),
        };

    private JsonObject Array(int depth, bool isRecursive)
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = Any(depth - 1, isRecursive) };
        int min = _random.Next(3);
        Maybe(() => schema["minItems"] = min);
        Maybe(() => schema["maxItems"] = min + 1 + _random.Next(3));
        Maybe(() => schema["prefixItems"] = new JsonArray(
            Any(0, isRecursive), Any(depth - 1, isRecursive)));
        return schema;
    }

    private JsonObject Object(int depth, bool isRecursive)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        string[] names = ["a", "ab", "b\"q", "größe", "", "a/b", "c"];
        foreach (string name in names.Take(_random.Next(names.Length)))
        {
            properties[name] = Any(depth - 1, isRecursive);
            Maybe(() => required.Add((JsonNode)name));
        }
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = required,
        };
        switch (_random.Next(3))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                schema["additionalProperties"] = Any(0, isRecursive);
                break;
        }
        return schema;
    }

    private JsonObject Branches(int depth, bool isRecursive)
    {
        if (_random.Next(2) == 0)
        {
            return new JsonObject
            {
                ["anyOf"] = new JsonArray(
                    Any(depth - 1, isRecursive), Any(depth - 1, isRecursive), Any(0, isRecursive)),
            };
        }
        var array = Array(depth, isRecursive);
        return new JsonObject
        {
            ["oneOf"] = new JsonArray(Tagged("a", depth), Tagged("b", depth), array, String()),
        };
    }

    private JsonObject Tagged(string tag, int depth) => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            ["tag"] = new JsonObject { ["const"] = tag },
            ["x"] = Any(depth - 1, false),
        },
        ["required"] = new JsonArray("tag"),
    };

    private JsonObject Merged(int depth, bool isRecursive) => new()
    {
        ["allOf"] = new JsonArray(
            Tagged("m", 0),
            new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["more"] = Any(depth - 1, isRecursive) },
                ["required"] = new JsonArray("more"),
            }),
    };

    private void Maybe(Action action)
    {
        if (_random.Next(2) == 0)
        {
            action();
        }
    }
}
