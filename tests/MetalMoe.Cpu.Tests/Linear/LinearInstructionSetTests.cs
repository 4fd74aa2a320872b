using System.Diagnostics;
using System.Globalization;
using MetalMoe.Cpu.Linear;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>
/// The same products in child processes whose runtime hides instruction sets: every path is right
/// and gives the bits of every other.
/// </summary>
public sealed class LinearInstructionSetTests
{
    [TestCase("DOTNET_EnableAVX512", 256)]
    [TestCase("DOTNET_EnableAVX2", 128)]
    [TestCase("DOTNET_EnableHWIntrinsic", 128)]
    public void Hiding_instructions_changes_no_bit(string knob, int widest)
    {
        var (bits, worst, hash) = RunProbe(knob);
        TestContext.Out.WriteLine(
            $"{knob}=0: {bits}-bit registers, worst error {worst:P1} of its bound");
        Assert.Multiple(() =>
        {
            Assert.That(bits, Is.LessThanOrEqualTo(widest));
            Assert.That(worst, Is.LessThanOrEqualTo(1));
            Assert.That(hash, Is.EqualTo(LinearProbe.Compute().Hash));
        });
    }

    [Test]
    public void Probe_uses_the_same_registers_as_this_process()
    {
        Assert.That(RunProbe(null).Bits, Is.EqualTo(LinearKernel.RegisterBits));
    }

    private static (int Bits, double Worst, string Hash) RunProbe(string? knob)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(typeof(LinearProbe).Assembly.Location);
        if (knob is not null)
        {
            start.Environment[knob] = "0";
        }
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output + errors.GetAwaiter().GetResult());
        string[] words = output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return (
            int.Parse(words[0], CultureInfo.InvariantCulture),
            double.Parse(words[1], CultureInfo.InvariantCulture),
            words[2]);
    }
}
