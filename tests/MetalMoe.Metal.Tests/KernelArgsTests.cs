using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels.Args;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

[TestFixture]
public sealed partial class KernelArgsTests
{
    private static readonly string Folder =
        Path.Combine(ShimHeader.Root(), "shaders", "common", "args");

    /// <summary>The C# copies by name.</summary>
    private static readonly Dictionary<string, Type> Copies = typeof(StepParams).Assembly
        .GetTypes().Where(t => t.IsValueType && t.Namespace == typeof(StepParams).Namespace)
        .ToDictionary(t => t.Name);

    [Test]
    public void Every_argument_struct_has_a_copy_with_the_layout_that_the_compiler_gives_it()
    {
        string[] names = Names();
        var layouts = CLayout.Read(
            Path.Combine(ShimHeader.Root(), "shaders", "common", "kernel_args.h"), names);

        Assert.That(names, Has.Length.GreaterThan(5));
        Assert.That(layouts.Keys, Is.EquivalentTo(names));
        Assert.That(Copies.Keys, Is.EquivalentTo(names));
        foreach (var (name, layout) in layouts)
        {
            Check(name, layout.Fields, layout.Offsets, layout.Size);
        }
    }

    [Test]
    public unsafe void The_library_was_built_with_the_same_structs()
    {
        if (MetalContext.Unavailable() is { } reason)
        {
            Assert.Ignore(reason);
        }
        Status.Check(
            NativeMethods.mm_layout_table(out MmLayout* rows, out uint count), "layout");
        var table = new List<(string Structure, string Field, int Offset, int Size)>();
        for (uint i = 0; i < count; i++)
        {
            table.Add((Marshal.PtrToStringUTF8((nint)rows[i].Structure)!,
                Marshal.PtrToStringUTF8((nint)rows[i].Field)!, (int)rows[i].OffsetBytes,
                (int)rows[i].SizeBytes));
        }

        Assert.That(table.Select(r => r.Structure).Distinct(), Is.EquivalentTo(Names()));
        foreach (var structure in table.GroupBy(r => r.Structure))
        {
            var fields = structure.Where(r => r.Field.Length > 0).ToArray();
            Check(structure.Key, [.. fields.Select(f => f.Field)],
                [.. fields.Select(f => f.Offset)],
                structure.Single(r => r.Field.Length == 0).Size);
        }
    }

    private static string[] Names() => [.. Directory.GetFiles(Folder, "*.h")
        .SelectMany(f => Typedef().Matches(File.ReadAllText(f)))
        .Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal)];

    private static void Check(string name, string[] fields, int[] offsets, int size)
    {
        Type copy = Copies[name];
        FieldInfo[] copied = [.. copy.GetFields(BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.Instance).OrderBy(f => f.MetadataToken)];
        Assert.That(copied.Select(f => f.Name), Is.EqualTo(fields.Select(Pascal)), name);
        Assert.That(
            copied.Select(f => (int)Marshal.OffsetOf(copy, f.Name)), Is.EqualTo(offsets), name);
        Assert.That(Marshal.SizeOf(copy), Is.EqualTo(size), name);
    }

    /// <summary>A digit keeps its underscore away: <c>rows_0</c> is Rows0.</summary>
    private static string Pascal(string name) => string.Concat(
        name.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(
            w => char.ToUpperInvariant(w[0]) + w[1..]));

    [GeneratedRegex(@"typedef struct (\w+) \{")]
    private static partial Regex Typedef();
}
