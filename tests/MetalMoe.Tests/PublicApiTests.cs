using System.Reflection;
using NUnit.Framework;

namespace MetalMoe.Tests;

/// <summary>
/// Applications are compiled against these assemblies: what is public changes only on purpose.
/// To accept a change, run these tests with METALMOE_ACCEPT_API=1 and commit the listings.
/// </summary>
[TestFixture]
public sealed class PublicApiTests
{
    private static readonly Assembly[] _assemblies =
        [typeof(MoeModel).Assembly, typeof(Core.MetalMoeException).Assembly,
            typeof(Cpu.CpuDevice).Assembly, typeof(Metal.MetalDevice).Assembly];

    [TestCaseSource(nameof(_assemblies))]
    public void The_public_surface_is_the_accepted_one(Assembly assembly)
    {
        string name = assembly.GetName().Name!;
        string path = Path.Combine(TinyModel.Root, "tests", "MetalMoe.Tests", "PublicApi",
            name + ".txt");
        string found = PublicApiListing.Of(assembly);
        if (Environment.GetEnvironmentVariable("METALMOE_ACCEPT_API") == "1")
        {
            File.WriteAllText(path, found);
        }
        string accepted = File.Exists(path) ? File.ReadAllText(path) : "";

        Assert.That(PublicApiListing.Diff(accepted, found), Is.Empty,
            $"the public surface of {name} changed. If that is meant, accept it: "
            + "METALMOE_ACCEPT_API=1 dotnet test tests/MetalMoe.Tests --filter PublicApi");
        Assert.That(accepted, Is.EqualTo(found));
    }

    [Test]
    public void A_listing_names_types_members_and_differences()
    {
        string listing = PublicApiListing.Of(typeof(MoeModel).Assembly);

        Assert.That(listing, Does.Contain("sealed class MetalMoe.MetalMoeChatClient : ")
            .And.Contain("record sealed class MetalMoe.GenerationOptions")
            .And.Contain("    const int MaxTopLogProbabilities = 100\n".Replace("int", "Int32"))
            .And.Contain("    Int32 MaxTokens get init\n")
            .And.Contain("static System.Threading.Tasks.Task<MetalMoe.MoeModel> LoadAsync("));
        Assert.That(listing, Does.Not.Contain("EngineLoop").And.Not.Contain("PrefillAsync"));
        const string Before = "class A\n    Int32 X get\n", After = "class A\n    Int32 Y get\n";
        Assert.That(PublicApiListing.Diff(Before, After), Is.EqualTo(
            "- class A: Int32 X get\n+ class A: Int32 Y get"));
    }
}
