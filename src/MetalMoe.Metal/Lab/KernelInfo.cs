using MetalMoe.Metal.Kernels;

namespace MetalMoe.Metal.Lab;

/// <summary>A kernel that the host can dispatch.</summary>
/// <param name="Name">Its name in the shader.</param>
/// <param name="Family">Stem of its file: <c>shaders/FAMILY.metal</c>.</param>
/// <param name="Bindings">Its buffers in order, from index 2 on; index 0 holds the kernel's
/// arguments, index 1 the step's numbers.</param>
internal sealed record KernelInfo(
    string Name, string Family, IReadOnlyList<KernelBufferInfo> Bindings)
{
    /// <summary>All kernels of this version.</summary>
    public static IReadOnlyList<KernelInfo> All { get; } =
    [
        .. KernelCatalog.All.DistinctBy(k => k.Name).Select(k => new KernelInfo(
            k.Name, k.Family, [.. k.Bindings.Select(
                (b, i) => new KernelBufferInfo(
                    KernelSpec.FirstBinding + i, b.Name, b.Access != Access.Read))])),
    ];

    /// <summary>The embedded source of a family, as the compiler gets it.</summary>
    /// <exception cref="MetalException">The native library is missing, or has no such family.
    /// </exception>
    public static string Source(string family)
    {
        Interop.NativeLibraryLoader.Load();
        return KernelLibrary.EmbeddedText($"{family}.metal");
    }
}

/// <summary>A buffer that a kernel binds.</summary>
/// <param name="Index">Its index: <c>[[buffer(Index)]]</c>.</param>
/// <param name="Name">The parameter's name.</param>
/// <param name="IsWritten">Whether the kernel writes it.</param>
internal sealed record KernelBufferInfo(int Index, string Name, bool IsWritten);
