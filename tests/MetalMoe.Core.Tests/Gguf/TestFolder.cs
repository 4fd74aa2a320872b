namespace MetalMoe.Core.Tests.Gguf;

/// <summary>A folder that lives as long as a test, in memory where the system has such a place.
/// </summary>
internal sealed class TestFolder : IDisposable
{
    private const string Memory = "/dev/shm";

    public TestFolder()
    {
        string parent = Directory.Exists(Memory) ? Memory : System.IO.Path.GetTempPath();
        Path = Directory.CreateDirectory(
            System.IO.Path.Combine(parent, $"metalmoe-{Guid.NewGuid():n}")).FullName;
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
