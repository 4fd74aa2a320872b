using MetalMoe.Core.Quants;

namespace MetalMoe.Metal.Kernels;

/// <summary>What a kernel does with a buffer; barriers are derived from it.</summary>
internal enum Access
{
    Read,
    Write,
    ReadWrite,
}

/// <summary>A buffer that a kernel binds.</summary>
/// <param name="Name">The parameter's name in the shader.</param>
/// <param name="Access">What the kernel does with it.</param>
internal readonly record struct KernelBinding(string Name, Access Access)
{
    public static KernelBinding Read(string name) => new(name, Access.Read);

    public static KernelBinding Write(string name) => new(name, Access.Write);

    public static KernelBinding ReadWrite(string name) => new(name, Access.ReadWrite);
}

/// <summary>
/// A kernel as the host knows it, registered once in the C# file of its family. Index 0 of a
/// kernel is its argument struct, index 1 the step's <c>StepParams</c>; <see cref="Bindings"/>
/// follow from index 2 on, in order.
/// </summary>
/// <param name="Family">Stem of the file in <c>shaders/</c>.</param>
/// <param name="Name">Name in the shader; with <see cref="PerFormat"/>, without the format.</param>
/// <param name="Bindings">Buffers from index 2 on.</param>
internal sealed record KernelSpec(
    string Family, string Name, params IReadOnlyList<KernelBinding> Bindings)
{
    /// <summary>Index of the first of <see cref="Bindings"/>.</summary>
    public const int FirstBinding = 2;

    /// <summary>True when the shader has one instantiation a weight format, whose name ends in
    /// the format's.</summary>
    public bool PerFormat { get; init; }

    /// <summary>Name of the instantiation for a format, as the shader spells it.</summary>
    public string NameFor(QuantFormat format) => PerFormat
        ? $"{Name}_{FormatName(format)}"
        : throw new ArgumentException($"[metal] kernel {Name} has no formats", nameof(format));

    /// <summary>A format's name in shaders: <c>q4_k</c>.</summary>
    public static string FormatName(QuantFormat format) => format switch
    {
        QuantFormat.F32 => "f32",
        QuantFormat.F16 => "f16",
        QuantFormat.BF16 => "bf16",
        QuantFormat.Q4_0 => "q4_0",
        QuantFormat.Q4_1 => "q4_1",
        QuantFormat.Q5_0 => "q5_0",
        QuantFormat.Q5_1 => "q5_1",
        QuantFormat.Q8_0 => "q8_0",
        QuantFormat.Q2_K => "q2_k",
        QuantFormat.Q3_K => "q3_k",
        QuantFormat.Q4_K => "q4_k",
        QuantFormat.Q5_K => "q5_k",
        QuantFormat.Q6_K => "q6_k",
        QuantFormat.IQ4_NL => "iq4_nl",
        QuantFormat.IQ4_XS => "iq4_xs",
        QuantFormat.MXFP4 => "mxfp4",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "unknown format"),
    };
}
