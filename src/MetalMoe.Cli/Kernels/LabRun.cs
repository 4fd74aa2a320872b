using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Lab;

namespace MetalMoe.Cli.Kernels;

/// <summary>The result of running a subject on a device: its logits, and what each dispatch of
/// the half layer cost (embedding and head left out).</summary>
internal sealed record LabRun(string Device, float[] Logits, IReadOnlyList<KernelCost> Costs)
{
    /// <summary>Seconds of all dispatches.</summary>
    public double Seconds => Costs.Sum(c => c.Seconds);

    /// <summary>Runs a subject on Metal.</summary>
    /// <param name="subject">What.</param>
    /// <param name="options">How.</param>
    /// <param name="repeat">Times; each dispatch's time is its median.</param>
    public static LabRun OnMetal(LabSubject subject, LabOptions options, int repeat = 1)
    {
        using var device = new LabDevice(options);
        using var lab = device.CreateExecutor(subject.Plan, subject.Options);
        var runs = new List<IReadOnlyList<KernelCost>>();
        for (int i = 0; i < repeat; i++)
        {
            StepBatch batch = subject.Prepare(lab.Executor);
            runs.Add([.. lab.Execute(batch).Where(
                c => c.Operation.StartsWith(subject.Layer + ".", StringComparison.Ordinal))]);
        }
        var costs = runs[0].Select((cost, i) => cost with
        {
            Seconds = Median(runs.Select(r => r[i].Seconds)),
        });
        return new LabRun(device.Description, subject.Logits(lab.Executor), [.. costs]);
    }

    /// <summary>Logits of the same subject on the CPU device, the reference.</summary>
    public static float[] Reference(LabSubject subject)
    {
        using IDevice device = DeviceCatalog.Open(DeviceCatalog.Default);
        using IExecutor executor = device.CreateExecutor(subject.Plan, subject.Options);
        executor.Execute(subject.Prepare(executor), CancellationToken.None);
        return subject.Logits(executor);
    }

    /// <summary>The largest difference, in units of the reference's root mean square.</summary>
    public static double Distance(float[] values, float[] reference)
    {
        double largest = 0;
        double squares = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            double difference = Math.Abs((double)values[i] - reference[i]);
            // Not Math.Max: a NaN must not look small.
            largest = difference <= largest ? largest : difference;
            squares += (double)reference[i] * reference[i];
        }
        double rms = Math.Sqrt(squares / reference.Length);
        return rms > 0 ? largest / rms : throw new MetalMoeException(
            "[kernels] reference: expected numbers, got only zeros");
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
