using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using MetalMoe.Metal.Interop;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

[TestFixture]
public sealed partial class AbiTests
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static
        | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    /// <summary>C structs and their C# copies, by name.</summary>
    private static readonly Dictionary<string, Type> Copies = typeof(NativeMethods).Assembly
        .GetTypes().Where(t => t.IsValueType && t.Namespace == typeof(NativeMethods).Namespace
            && t.Name.StartsWith("Mm", StringComparison.Ordinal) && !t.IsEnum)
        .ToDictionary(t => t.Name);

    [Test]
    public void Every_function_of_the_header_is_declared_with_the_same_parameters()
    {
        var functions = ShimHeader.Read().Functions.ToArray();
        var methods = typeof(NativeMethods).GetMethods(Declared).Where(
            m => m.Name.StartsWith("mm_", StringComparison.Ordinal)).ToDictionary(m => m.Name);

        Assert.That(methods.Keys, Is.EquivalentTo(functions.Select(f => f.Name)));
        foreach (var (name, returns, parameters) in functions)
        {
            MethodInfo method = methods[name];
            Assert.That(method.ReturnType,
                Is.EqualTo(returns == "void" ? typeof(void) : typeof(MmStatus)), name);
            Assert.That(method.GetParameters().Select(p => p.Name),
                Is.EqualTo(parameters.Select(p => p.Name)), name);
            foreach (var (declared, c) in method.GetParameters().Zip(parameters))
            {
                Assert.That(Matches(c.Type, declared.ParameterType, name), Is.True,
                    $"{name}({c.Type} {c.Name}): declared as {declared.ParameterType}");
            }
        }
    }

    [Test]
    public void Every_struct_of_the_header_is_copied_field_by_field()
    {
        var structs = ShimHeader.Read().Structs.ToArray();

        // The helpers of the copies: a name's bytes and three lengths.
        Assert.That(Copies.Keys.Except(["MmName", "MmSize"]),
            Is.EquivalentTo(structs.Select(s => Pascal(s.Name))));
        foreach (var (name, fields) in structs)
        {
            FieldInfo[] copies = Fields(Copies[Pascal(name)]);
            Assert.That(copies.Select(f => f.Name),
                Is.EqualTo(fields.Select(f => Pascal(f.Name))), name);
        }
    }

    [Test]
    public void Every_struct_has_the_layout_that_the_compiler_gives_it()
    {
        var layouts = CLayout.Read(ShimHeader.Path, ShimHeader.Read().Structs.Select(s => s.Name));
        foreach (var (name, layout) in layouts)
        {
            Type copy = Copies[Pascal(name)];
            Assert.That(
                Fields(copy).Select(f => Offset(copy, f)), Is.EqualTo(layout.Offsets), name);
            Assert.That(SizeOf(copy), Is.EqualTo(layout.Size), name);
        }

        Assert.That(layouts, Has.Count.EqualTo(Copies.Count - 2));
    }

    [Test]
    public void Every_enumerator_that_is_copied_has_the_value_of_the_header()
    {
        var values = ShimHeader.Read().Enumerators;
        foreach (MmStatus status in Enum.GetValues<MmStatus>())
        {
            Assert.That((long)status, Is.EqualTo(values[$"MM_{Upper(status.ToString())}"]));
        }
        Assert.That(values.Keys.Count(k => !k.Contains("DEVICE_", StringComparison.Ordinal)
            && !k.Contains("CONSTANT_", StringComparison.Ordinal)
            && !k.Contains("FAULT_", StringComparison.Ordinal)
            && !k.Contains("STORAGE_", StringComparison.Ordinal)
            && !k.Contains("BARRIER_", StringComparison.Ordinal)),
            Is.EqualTo(Enum.GetValues<MmStatus>().Length));
        Assert.That(MmDeviceInfo.UnifiedMemory, Is.EqualTo(values["MM_DEVICE_UNIFIED_MEMORY"]));
        Assert.That(MmDeviceInfo.ResidencySets, Is.EqualTo(values["MM_DEVICE_RESIDENCY_SETS"]));
        Assert.That(MmDeviceInfo.Software, Is.EqualTo(values["MM_DEVICE_SOFTWARE"]));
        Assert.That(MmDeviceInfo.Metallib, Is.EqualTo(values["MM_DEVICE_METALLIB"]));
        Assert.That(MmConstant.Bool, Is.EqualTo(values["MM_CONSTANT_BOOL"]));
        Assert.That(MmConstant.Int, Is.EqualTo(values["MM_CONSTANT_INT"]));
        Assert.That(MmConstant.UInt, Is.EqualTo(values["MM_CONSTANT_UINT"]));
        Assert.That(MmConstant.Float, Is.EqualTo(values["MM_CONSTANT_FLOAT"]));
        Assert.That(MmDispatch.BarrierBefore, Is.EqualTo(values["MM_BARRIER_BEFORE"]));
    }

    [Test]
    public void The_version_is_that_of_the_header() =>
        Assert.That(File.ReadAllText(ShimHeader.Path), Does.Contain(
            string.Create(CultureInfo.InvariantCulture,
                $"#define MM_ABI_VERSION {NativeMethods.AbiVersion}\n")));

    /// <summary>True when a C parameter may be declared as this C# type.</summary>
    private static bool Matches(string c, Type declared, string function)
    {
        bool releases = function.EndsWith("_release", StringComparison.Ordinal);
        Type type = declared.IsByRef ? declared.GetElementType()! : declared;
        return c switch
        {
            "uint32_t" => declared == typeof(uint),
            "uint64_t" => declared == typeof(ulong),
            "uint32_t *" => declared.IsByRef && type == typeof(uint),
            "uint64_t *" => declared.IsByRef && type == typeof(ulong),
            "const char *" => declared == typeof(string) || declared == typeof(byte*),
            "char *" => declared == typeof(byte*),
            "void *" => declared == typeof(void*),
            "void **" => declared.IsByRef && type == typeof(void*),
            "mm_error *" => declared == typeof(MmError*),
            "const mm_layout **" => declared.IsByRef && type == typeof(MmLayout*),
            "mm_buffer *const *" => declared == typeof(nint*),
            "const mm_constant *" => declared == typeof(MmConstant*),
            _ when Handle().Match(c) is { Success: true } m => releases && m.Value.EndsWith(" *",
                StringComparison.Ordinal) ? declared == typeof(nint)
                : type.Name == $"{Pascal(m.Groups[1].Value)}Handle"
                    && declared.IsByRef == m.Value.EndsWith("**", StringComparison.Ordinal),
            _ when c.Split(' ').First(w => w != "const") is { } name
                && Copies.TryGetValue(Pascal(name), out Type? copy) =>
                declared.IsByRef && type == copy,
            _ => false,
        };
    }

    private static FieldInfo[] Fields(Type type) => [.. type.GetFields(Declared).Where(
        f => !f.IsStatic).OrderBy(f => f.MetadataToken)];

    private static string Pascal(string name) => string.Concat(
        name.Split('_').Select(w => char.ToUpperInvariant(w[0]) + w[1..]));

    private static string Upper(string pascal) =>
        WordStart().Replace(pascal, "_$1").ToUpperInvariant();

    private static int Offset(Type type, FieldInfo field) =>
        (int)Marshal.OffsetOf(type, field.Name);

    private static int SizeOf(Type type) => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!
        .MakeGenericMethod(type).Invoke(null, null)!;

    [GeneratedRegex(@"^mm_(device|buffer|library|pipeline|queue|event) \*\*?$")]
    private static partial Regex Handle();

    [GeneratedRegex(@"(?<=[a-z])([A-Z])")]
    private static partial Regex WordStart();
}
