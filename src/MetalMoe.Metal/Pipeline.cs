using MetalMoe.Metal.Interop;

namespace MetalMoe.Metal;

/// <summary>A kernel compiled for given function constants.</summary>
internal sealed unsafe class Pipeline : IDisposable
{
    public Pipeline(string name, PipelineHandle handle)
    {
        Name = name;
        Handle = handle;
        Status.Check(
            NativeMethods.mm_pipeline_info_get(handle, out MmPipelineInfo info),
            $"kernel {name}");
        MaxThreads = (int)info.MaxThreadsPerThreadgroup;
        StaticThreadgroupBytes = (int)info.StaticThreadgroupBytes;
    }

    /// <summary>The kernel's name in the shader.</summary>
    public string Name { get; }

    public PipelineHandle Handle { get; }

    /// <summary>Most threads of a threadgroup.</summary>
    public int MaxThreads { get; }

    /// <summary>Threadgroup memory that the kernel declares itself.</summary>
    public int StaticThreadgroupBytes { get; }

    public void Dispose() => Handle.Dispose();
}
