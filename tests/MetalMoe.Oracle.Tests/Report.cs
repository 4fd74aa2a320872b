using NUnit.Framework;

namespace MetalMoe.Oracle.Tests;

/// <summary>Figures for people: to the test's output, and kept in <c>artifacts/oracle/</c>.
/// </summary>
public static class Report
{
    /// <summary>Prints text and writes it to a file of that name.</summary>
    public static void Write(string name, string text)
    {
        string folder = Path.Combine(Peers.RepositoryRoot, "artifacts", "oracle");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), text + Environment.NewLine);
        TestContext.Progress.WriteLine(text);
    }
}
