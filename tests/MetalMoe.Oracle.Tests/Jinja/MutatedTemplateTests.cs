using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>Real templates with random damage: they end, and fail in our own exception only.
/// </summary>
[TestFixture]
public sealed class MutatedTemplateTests
{
    private const int Seed = 8128;
    private const int Count = 3000;
    private const string Damage = "{}%#-+()[]'\"|.~=\\\0 \n";

    private static readonly JinjaLimits _small = new()
    {
        MaxSteps = 200_000,
        MaxAllocatedBytes = 16 << 20,
        MaxOutputLength = 1 << 20,
    };

    [Test]
    public void Mutated_templates_never_hang_or_crash()
    {
        Peers.Require();
        var corpus = TemplateCorpus.Load();
        var random = new Random(Seed);
        var values = corpus.Variables.Select(json => JsonDocument.Parse(json).RootElement
            .EnumerateObject().ToDictionary(p => p.Name, p => JinjaValue.From(p.Value))).ToList();
        int rendered = 0;
        int refused = 0;
        for (int i = 0; i < Count; i++)
        {
            string source = Mutate(random, corpus);
            try
            {
                JinjaTemplate.Parse(source, "mutated")
                    .Render(values[random.Next(values.Count)], _small, TemplateCorpus.Clock);
                rendered++;
            }
            catch (JinjaException)
            {
                refused++;
            }
        }
        TestContext.Out.WriteLine($"{rendered} rendered, {refused} refused");
        Assert.That(rendered, Is.GreaterThan(Count / 20));
        Assert.That(refused, Is.GreaterThan(Count / 20));
    }

    private static string Mutate(Random random, TemplateCorpus corpus)
    {
        string Any() => corpus.Templates[random.Next(corpus.Templates.Count)].Source;
        var source = new StringBuilder(Any());
        for (int count = random.Next(1, 4); count > 0; count--)
        {
            int at = random.Next(source.Length);
            int length = Math.Min(random.Next(1, 12), source.Length - at);
            switch (random.Next(4))
            {
                case 0:
                    source.Remove(at, length);
                    break;
                case 1:
                    source.Insert(random.Next(source.Length), source.ToString(at, length));
                    break;
                case 2:
                    source[at] = Damage[random.Next(Damage.Length)];
                    break;
                default:
                    string other = Any();
                    int start = random.Next(other.Length);
                    int size = Math.Min(random.Next(200), other.Length - start);
                    source.Insert(at, other.AsSpan(start, size));
                    break;
            }
        }
        return source.ToString();
    }
}
