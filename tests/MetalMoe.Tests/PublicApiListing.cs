using System.Globalization;
using System.Reflection;
using System.Text;

namespace MetalMoe.Tests;

/// <summary>Writes the public surface of an assembly as text: one line a type or member, sorted.
/// </summary>
internal static class PublicApiListing
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic
        | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // What the compiler adds to records and enums says nothing beyond "record" and "enum".
    private static readonly HashSet<string> _synthesized = new(StringComparer.Ordinal)
    {
        "Equals", "GetHashCode", "ToString", "<Clone>$", "PrintMembers", "op_Equality",
        "op_Inequality", "EqualityContract", "Deconstruct", "value__",
    };

    public static string Of(Assembly assembly)
    {
        var lines = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes()
            .OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            lines.Append(Describe(type)).Append('\n');
            foreach (string member in type.GetMembers(Declared)
                .Select(Describe).OfType<string>().Order(StringComparer.Ordinal))
            {
                lines.Append("    ").Append(member).Append('\n');
            }
        }
        return lines.ToString();
    }

    /// <summary>The lines of one text that the other does not have, as a diff shows them.
    /// </summary>
    public static string Diff(string accepted, string found)
    {
        string[] before = Qualified(accepted), after = Qualified(found);
        return string.Join('\n', before.Except(after).Select(line => "- " + line)
            .Concat(after.Except(before).Select(line => "+ " + line)));
    }

    /// <summary>Members with their type in front, so that a line stands for itself.</summary>
    private static string[] Qualified(string listing)
    {
        var lines = new List<string>();
        string type = "";
        foreach (string line in listing.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            bool isMember = line[0] == ' ';
            type = isMember ? type : line;
            lines.Add(isMember ? $"{type.Split(" : ")[0]}: {line.Trim()}" : line);
        }
        return [.. lines];
    }

    private static string Describe(Type type)
    {
        string kind = type.IsEnum ? "enum"
            : type.IsInterface ? "interface"
            : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : type.IsValueType ? "struct"
            : type.IsAbstract && type.IsSealed ? "static class"
            : type.IsSealed ? "sealed class"
            : type.IsAbstract ? "abstract class" : "class";
        bool isRecord = type.GetMethod("<Clone>$") is not null
            || (type.IsValueType && type.GetMethod("PrintMembers", Declared) is not null);
        string bases = string.Join(", ", Bases(type));
        return (isRecord ? "record " : "") + kind + " " + Name(type, isDeclared: true)
            + (bases.Length > 0 ? " : " + bases : "");
    }

    private static IEnumerable<string> Bases(Type type)
    {
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType)
            && parent != typeof(Enum) && parent != typeof(MulticastDelegate))
        {
            yield return Name(parent);
        }
        if (!type.IsEnum)
        {
            foreach (string name in type.GetInterfaces().Where(i => i.IsPublic)
                .Select(i => Name(i)).Order(StringComparer.Ordinal))
            {
                yield return name;
            }
        }
    }

    private static string? Describe(MemberInfo member) => member switch
    {
        _ when _synthesized.Contains(member.Name) => null,
        FieldInfo field when IsVisible(field) => Describe(field),
        PropertyInfo property => Describe(property),
        MethodInfo method when IsVisible(method) && !method.IsSpecialName =>
            $"{Modifiers(method)}{Name(method.ReturnType)} {method.Name}{Generic(method)}"
            + Parameters(method),
        ConstructorInfo constructor when IsVisible(constructor) && !constructor.IsStatic =>
            $"new{Parameters(constructor)}",
        EventInfo { AddMethod: { } add } raised when IsVisible(add) =>
            $"event {Name(raised.EventHandlerType!)} {raised.Name}",
        _ => null,
    };

    private static string Describe(FieldInfo field) => field.IsLiteral
        ? $"const {Name(field.FieldType)} {field.Name} = "
            + Convert.ToString(field.GetRawConstantValue(), CultureInfo.InvariantCulture)
        : $"{(field.IsStatic ? "static " : "")}{Name(field.FieldType)} {field.Name}";

    private static string? Describe(PropertyInfo property)
    {
        var (get, set) = (property.GetMethod, property.SetMethod);
        bool isRead = get is not null && IsVisible(get);
        bool isWritten = set is not null && IsVisible(set);
        if (!isRead && !isWritten)
        {
            return null;
        }
        bool isInit = isWritten && set!.ReturnParameter.GetRequiredCustomModifiers()
            .Any(m => m.Name == "IsExternalInit");
        return Modifiers(isRead ? get! : set!) + Name(property.PropertyType) + " " + property.Name
            + (isRead ? " get" : "") + (isWritten ? isInit ? " init" : " set" : "");
    }

    private static string Modifiers(MethodBase method) =>
        (method.IsFamily || method.IsFamilyOrAssembly ? "protected " : "")
        + (method.IsStatic ? "static " : "")
        + (method.DeclaringType!.IsInterface || method.IsFinal ? ""
            : method.IsAbstract ? "abstract " : method.IsVirtual ? "virtual " : "");

    private static bool IsVisible(MethodBase method) =>
        method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsVisible(FieldInfo field) =>
        field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly;

    private static string Generic(MethodInfo method) => method.IsGenericMethod
        ? $"<{string.Join(", ", method.GetGenericArguments().Select(t => t.Name))}>" : "";

    private static string Parameters(MethodBase method) =>
        "(" + string.Join(", ", method.GetParameters().Select(parameter =>
            (parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? "ref " : "")
            + Name(parameter.ParameterType) + " " + parameter.Name
            + (parameter.IsOptional ? " = default" : ""))) + ")";

    private static string Name(Type type, bool isDeclared = false)
    {
        if (type.HasElementType)
        {
            string element = Name(type.GetElementType()!);
            return type.IsArray ? element + "[]" : type.IsPointer ? element + "*" : element;
        }
        if (type.IsGenericParameter)
        {
            return type.Name;
        }
        if (Nullable.GetUnderlyingType(type) is { } inner && !isDeclared)
        {
            return Name(inner) + "?";
        }
        string space = type.Namespace == "System" ? "" : type.Namespace + ".";
        string own = (type.IsNested ? type.DeclaringType!.Name + "." : "")
            + type.Name.Split('`')[0];
        string[] arguments = [.. type.GetGenericArguments().Select(a => Name(a))];
        return space + own + (arguments.Length > 0 ? $"<{string.Join(", ", arguments)}>" : "");
    }
}
