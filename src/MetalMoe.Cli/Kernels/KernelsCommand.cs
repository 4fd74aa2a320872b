using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core;
using MetalMoe.Metal.Lab;

namespace MetalMoe.Cli.Kernels;

/// <summary><c>metalmoe kernels</c>: the kernel laboratory.</summary>
internal static class KernelsCommand
{
    /// <summary>Largest allowed difference from the CPU device, in units of the result's root
    /// mean square. The CPU rounds activations to 16 bits; kernels differ in the order of sums.
    /// </summary>
    private const double Bound = 1e-2;

    public static Command Create()
    {
        var command = new ExampleCommand(
            "kernels", "The kernel laboratory: list, run, check and compare Metal kernels.",
            "metalmoe kernels list",
            "metalmoe kernels run --part gdn --tokens 1",
            "metalmoe kernels check --part attention --tokens 20 --position 40",
            "metalmoe kernels list --source gate_up > my.metal",
            "metalmoe kernels ab --part ffn --replace gate_up=my.metal");
        command.Add(List());
        command.Add(Lab(
            "run", "Runs half a layer once and shows every dispatch.", Run,
            "metalmoe kernels run --part ffn",
            "metalmoe kernels run --part attention --preset qwen3.5-35b-a3b --position 500",
            "metalmoe kernels run -m MODEL --part gdn --tokens 32 --json"));
        command.Add(Lab(
            "check", "Runs with all checks on and compares with the CPU device.", Check,
            "metalmoe kernels check --part gdn --tokens 20",
            "metalmoe kernels check --part ffn --quant mxfp4 --set experts=32",
            "metalmoe kernels check --part ffn --replace gate_up=my.metal --shuffle 7"));
        command.Add(Repeated(
            "bench", "Times every dispatch over several runs.", Bench,
            "metalmoe kernels bench --part gdn --repeat 10"));
        command.Add(Repeated(
            "ab", "Compares your source (B) with the built-in one (A): results, traffic, time.",
            AgainstBuiltIn,
            "metalmoe kernels list --source linear > my.metal",
            "metalmoe kernels ab --part attention --replace linear=my.metal"));
        return command;
    }

    private static ExampleCommand List()
    {
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var source = new Option<string?>("--source")
        {
            Description = "Print the source of a family, to change it and try it",
            HelpName = "FAMILY",
        };
        var command = new ExampleCommand(
            "list", "Lists the kernels and what they bind.",
            "metalmoe kernels list", "metalmoe kernels list --source route") { json, source };
        command.SetAction(parsed =>
        {
            using var output = new StandardOutput();
            if (parsed.GetValue(source) is { } family)
            {
                output.Write(KernelInfo.Source(family));
            }
            else if (parsed.GetValue(json))
            {
                output.WriteLine(JsonSerializer.Serialize(
                    LabJson.Of(KernelInfo.All), LabJson.Readable.KernelListJson));
            }
            else
            {
                output.WriteTable(LabTables.Kernels(KernelInfo.All));
            }
            output.Flush();
            return 0;
        });
        return command;
    }

    private static ExampleCommand Lab(
        string name, string description, Func<LabArguments, ParseResult, int> run,
        params string[] examples)
    {
        var arguments = new LabArguments();
        var command = new ExampleCommand(name, description, examples);
        arguments.AddTo(command);
        command.SetAction(parsed => run(arguments, parsed));
        return command;
    }

    private static ExampleCommand Repeated(
        string name, string description, Func<LabArguments, ParseResult, int, int> run,
        params string[] examples)
    {
        var repeat = new Option<int>("--repeat")
        {
            Description = "Runs; the median of each dispatch counts",
            HelpName = "N",
            DefaultValueFactory = _ => 5,
        };
        var command = Lab(
            name, description,
            (arguments, parsed) => run(
                arguments, parsed, LabArguments.Positive(parsed, repeat, 1)),
            examples);
        command.Add(repeat);
        return command;
    }

    private static int Run(LabArguments arguments, ParseResult parsed)
    {
        using var subject = arguments.Subject(parsed);
        var run = LabRun.OnMetal(subject, arguments.Options(parsed, checks: true, replaced: true));
        return Write(arguments, parsed, subject, run, distance: null);
    }

    private static int Check(LabArguments arguments, ParseResult parsed)
    {
        using var subject = arguments.Subject(parsed);
        var run = LabRun.OnMetal(subject, arguments.Options(parsed, checks: true, replaced: true));
        double distance = LabRun.Distance(run.Logits, LabRun.Reference(subject));
        int code = Write(arguments, parsed, subject, run, distance);
        return distance <= Bound ? code : throw new MetalMoeException(string.Create(
            CultureInfo.InvariantCulture,
            $"[kernels] {subject.Layer}: expected the CPU's result within {Bound}, got "
            + $"{distance:g3} of its root mean square away"));
    }

    private static int Bench(LabArguments arguments, ParseResult parsed, int repeat)
    {
        using var subject = arguments.Subject(parsed);
        var run = LabRun.OnMetal(
            subject, arguments.Options(parsed, checks: false, replaced: true), repeat);
        return Write(arguments, parsed, subject, run, distance: null);
    }

    private static int AgainstBuiltIn(LabArguments arguments, ParseResult parsed, int repeat)
    {
        if (!arguments.Replaces(parsed))
        {
            throw new UsageException("ab: expected --replace FAMILY=FILE, got none");
        }
        using var subject = arguments.Subject(parsed);
        var sides = new LabSide[2];
        float[] reference = LabRun.Reference(subject);
        for (int i = 0; i < 2; i++)
        {
            var timed = LabRun.OnMetal(
                subject, arguments.Options(parsed, checks: false, replaced: i == 1), repeat);
            var counted = LabRun.OnMetal(
                subject, arguments.Options(parsed, checks: true, replaced: i == 1));
            sides[i] = new LabSide(
                timed, counted, LabRun.Distance(timed.Logits, reference));
        }
        double between = LabRun.Distance(sides[1].Timed.Logits, sides[0].Timed.Logits);
        using var output = new StandardOutput();
        if (parsed.GetValue(arguments.Json))
        {
            output.WriteLine(JsonSerializer.Serialize(
                LabJson.Of(subject, sides, between), LabJson.Readable.ComparisonJson));
        }
        else
        {
            output.WriteLine($"{subject.Layer}: A built in, B yours; {sides[0].Timed.Device}");
            output.WriteTable(LabTables.Comparison(sides, parsed.GetValue(arguments.Kernel)));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"from the CPU's result: A {sides[0].Distance:g3}, B {sides[1].Distance:g3}; "
                + $"B from A: {between:g3} (of the root mean square)"));
        }
        output.Flush();
        return 0;
    }

    private static int Write(
        LabArguments arguments, ParseResult parsed, LabSubject subject, LabRun run,
        double? distance)
    {
        using var output = new StandardOutput();
        if (parsed.GetValue(arguments.Json))
        {
            output.WriteLine(JsonSerializer.Serialize(
                LabJson.Of(subject, run, distance), LabJson.Readable.LabRunJson));
        }
        else
        {
            output.WriteLine($"{subject.Layer}: {run.Device}");
            output.WriteTable(LabTables.Run(run, parsed.GetValue(arguments.Kernel)));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{run.Costs.Count} dispatches, {run.Costs.Count(c => c.HasBarrier)} barriers, "
                + $"{run.Seconds * 1e3:n2} ms"));
            if (distance is { } d)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"from the CPU's result: {d:g3} of its root mean square"));
            }
        }
        output.Flush();
        return 0;
    }
}
