using System.Text;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels;

namespace MetalMoe.Metal;

/// <summary>
/// The embedded kernels of a device: libraries by family, pipelines by name and function
/// constants, each made once. A family's source can be replaced at run time.
/// </summary>
internal sealed unsafe class KernelLibrary(MetalContext context) : IDisposable
{
    private readonly Dictionary<string, LibraryHandle> _libraries = [];
    private readonly Dictionary<string, string> _sources = [];
    private readonly Dictionary<string, Pipeline> _pipelines = [];

    /// <summary>Takes a family's kernels from this text instead of the embedded one.</summary>
    public void Replace(string family, string source) => _sources[family] = source;

    /// <summary>The kernel of this name in <c>shaders/FAMILY.metal</c>.</summary>
    /// <exception cref="MetalException">It does not compile; the compiler's text.</exception>
    public Pipeline Pipeline(
        string family, string name, ReadOnlySpan<FunctionConstant> constants)
    {
        string key = Key(family, name, constants);
        if (!_pipelines.TryGetValue(key, out Pipeline? pipeline))
        {
            pipeline = Create(Library(family), name, constants);
            _pipelines.Add(key, pipeline);
        }
        return pipeline;
    }

    /// <summary>Names of all kernels of a family, sorted.</summary>
    public IReadOnlyList<string> Names(string family)
    {
        LibraryHandle library = Library(family);
        _ = NativeMethods.mm_library_functions(library, null, 0, out ulong bytes);
        var text = new byte[bytes];
        fixed (byte* names = text)
        {
            Status.Check(
                NativeMethods.mm_library_functions(library, names, bytes, out _),
                $"kernels of {family}");
        }
        return Encoding.UTF8.GetString(text).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Text of an embedded file, <c>linear.metal</c>; the empty name lists them.
    /// </summary>
    public static string EmbeddedText(string name)
    {
        _ = NativeMethods.mm_embedded_text(name, null, 0, out ulong bytes);
        var text = new byte[bytes];
        fixed (byte* target = text)
        {
            Status.Check(
                NativeMethods.mm_embedded_text(name, target, bytes, out _), $"embedded {name}");
        }
        return Encoding.UTF8.GetString(text);
    }

    public void Dispose()
    {
        foreach (Pipeline pipeline in _pipelines.Values)
        {
            pipeline.Dispose();
        }
        foreach (LibraryHandle library in _libraries.Values)
        {
            library.Dispose();
        }
    }

    private static string Key(
        string family, string name, ReadOnlySpan<FunctionConstant> constants)
    {
        var key = new StringBuilder(family).Append('/').Append(name);
        foreach (FunctionConstant constant in constants)
        {
            key.Append('/').Append(constant.Index).Append('=').Append(constant.Bits);
        }
        return key.ToString();
    }

    private static Pipeline Create(
        LibraryHandle library, string name, ReadOnlySpan<FunctionConstant> constants)
    {
        Span<MmConstant> values = stackalloc MmConstant[constants.Length];
        for (int i = 0; i < constants.Length; i++)
        {
            values[i] = new MmConstant
            {
                Index = (uint)constants[i].Index,
                Bits = constants[i].Bits,
                Type = constants[i].Type switch
                {
                    ConstantType.Bool => MmConstant.Bool,
                    ConstantType.Int => MmConstant.Int,
                    ConstantType.UInt => MmConstant.UInt,
                    _ => MmConstant.Float,
                },
            };
        }
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        fixed (MmConstant* first = values)
        {
            Status.Check(
                NativeMethods.mm_pipeline_create(
                    library, name, first, (uint)values.Length, out PipelineHandle handle, &error),
                $"kernel {name}", &error);
            return new Pipeline(name, handle);
        }
    }

    private LibraryHandle Library(string family)
    {
        if (_libraries.TryGetValue(family, out LibraryHandle? library))
        {
            return library;
        }
        byte* text = stackalloc byte[Status.TextBytes];
        var error = new MmError { Text = text, CapacityBytes = Status.TextBytes };
        MmStatus status;
        if (_sources.TryGetValue(family, out string? source))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(source);
            fixed (byte* first = bytes)
            {
                status = NativeMethods.mm_library_create_source(
                    context.Device, family, first, (ulong)bytes.Length, out library, &error);
            }
        }
        else
        {
            status = NativeMethods.mm_library_create_embedded(
                context.Device, family, out library, &error);
        }
        Status.Check(status, $"compile {family}", &error);
        _libraries.Add(family, library);
        return library;
    }
}
