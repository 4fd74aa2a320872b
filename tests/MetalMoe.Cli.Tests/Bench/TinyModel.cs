using MetalMoe.Core.Synthesis;

namespace MetalMoe.Cli.Tests.Bench;

/// <summary>A synthesised model of known shape in a file that is removed at the end.</summary>
internal sealed class TinyModel : IDisposable
{
    public TinyModel(SynthesisShape? shape = null)
    {
        Path = System.IO.Path.Combine(
            System.IO.Path.GetTempPath(), $"metalmoe-{Guid.NewGuid():n}.gguf");
        Shape = shape ?? new SynthesisShape();
        ModelSynthesizer.Write(
            Path, new SynthesisOptions { Shape = Shape, Quant = "q8_0" }, progress: null,
            CancellationToken.None);
    }

    public string Path { get; }

    public SynthesisShape Shape { get; }

    /// <summary>Bytes of a matrix in the model's format: 34 for 32 values.</summary>
    public static long MatrixBytes(long rows, long columns) => rows * columns / 32 * 34;

    /// <summary>The bundled trained model.</summary>
    public static string Bundled => System.IO.Path.Combine(
        RepositoryRoot, "models", "tiny-qwen35moe-q4_k_m.gguf");

    public static string RepositoryRoot
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(System.IO.Path.Combine(folder.FullName, "MetalMoe.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("no MetalMoe.sln");
            }
            return folder.FullName;
        }
    }

    public void Dispose() => File.Delete(Path);
}
