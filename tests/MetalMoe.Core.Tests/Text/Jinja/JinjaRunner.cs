using System.Text.Json;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>Renders small templates for the tests.</summary>
internal static class JinjaRunner
{
    /// <summary>3 July 2024, 14:05:09, a Wednesday.</summary>
    public static readonly TimeProvider Clock = new FixedClock();

    public static string Render(
        string template, string json = "{}", JinjaLimits? limits = null,
        CancellationToken cancellation = default)
    {
        return Render(template, Variables(json), limits, cancellation);
    }

    public static string Render(
        string template,
        IReadOnlyDictionary<string, JinjaValue> variables,
        JinjaLimits? limits = null,
        CancellationToken cancellation = default)
    {
        var parsed = JinjaTemplate.Parse(template, "test", limits);
        return parsed.Render(variables, limits, Clock, cancellation);
    }

    public static Dictionary<string, JinjaValue> Variables(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Variables(document.RootElement);
    }

    public static Dictionary<string, JinjaValue> Variables(JsonElement element) =>
        element.EnumerateObject().ToDictionary(p => p.Name, p => JinjaValue.From(p.Value));

    /// <summary>A file that lies beside this fixture's source.</summary>
    public static string ReadData(string name) => File.ReadAllText(
        RepositoryFile(Path.Combine("tests", "MetalMoe.Core.Tests", "Text", "Jinja", name)));

    /// <summary>Path of a file of the repository.</summary>
    public static string RepositoryFile(string path)
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "MetalMoe.sln")))
        {
            folder = folder.Parent
                ?? throw new DirectoryNotFoundException("MetalMoe.sln is not above the tests");
        }
        return Path.Combine(folder.FullName, path);
    }

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2024, 7, 3, 14, 5, 9, TimeSpan.Zero);
    }
}
