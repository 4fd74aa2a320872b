using System.Globalization;
using MetalMoe.Metal.Lab;
using Spectre.Console;

namespace MetalMoe.Cli.Kernels;

/// <summary>One side of a comparison: timed without checks, counted with them.</summary>
internal sealed record LabSide(LabRun Timed, LabRun Counted, double Distance);

/// <summary>What the laboratory shows to people.</summary>
internal static class LabTables
{
    /// <summary>All kernels and their buffers.</summary>
    public static Table Kernels(IReadOnlyList<KernelInfo> kernels)
    {
        var table = Create("kernel", "file", "buffers from index 2 (* written)");
        foreach (KernelInfo kernel in kernels)
        {
            table.AddRow(
                kernel.Name, $"{kernel.Family}.metal",
                string.Join(", ", kernel.Bindings.Select(
                    b => b.IsWritten ? $"{b.Name}*" : b.Name)));
        }
        return table;
    }

    /// <summary>A line for every dispatch.</summary>
    public static Table Run(LabRun run, string? filter)
    {
        bool counted = run.Costs.Any(c => c.Buffers.Count > 0);
        var table = Create("operation", "kernel", "groups x threads");
        Numbers(table, "ms", "barriers", "SIMD ops");
        if (counted)
        {
            Numbers(table, "read", "written");
        }
        foreach (KernelCost cost in Filter(run.Costs, filter))
        {
            string[] cells =
            [
                cost.Operation, (cost.HasBarrier ? "| " : "  ") + cost.Kernel,
                Grid(cost), Milliseconds(cost.Seconds), Count(cost.Counters?.Barriers),
                Count(cost.Counters?.SimdOperations),
            ];
            table.AddRow(counted
                ? [.. cells, Count(cost.BytesRead), Count(cost.BytesWritten)] : cells);
        }
        return table;
    }

    /// <summary>Both sides by dispatch, or each by itself when their kernels differ.</summary>
    public static Table Comparison(LabSide[] sides, string? filter)
    {
        var table = Create("side", "kernel", "groups x threads");
        Numbers(table, "ms", "barriers", "SIMD ops", "read", "written");
        int rows = Math.Max(sides[0].Timed.Costs.Count, sides[1].Timed.Costs.Count);
        for (int i = 0; i < rows; i++)
        {
            for (int side = 0; side < 2; side++)
            {
                if (i < sides[side].Timed.Costs.Count)
                {
                    KernelCost cost = sides[side].Timed.Costs[i];
                    KernelCost counted = sides[side].Counted.Costs[i];
                    if (Filter([cost], filter).Any())
                    {
                        table.AddRow(
                            side == 0 ? "A" : "B", cost.Kernel, Grid(cost),
                            Milliseconds(cost.Seconds), Count(cost.Counters?.Barriers),
                            Count(cost.Counters?.SimdOperations), Count(counted.BytesRead),
                            Count(counted.BytesWritten));
                    }
                }
            }
        }
        return table;
    }

    private static IEnumerable<KernelCost> Filter(
        IEnumerable<KernelCost> costs, string? filter) => costs.Where(
            c => filter is null || c.Kernel.Contains(filter, StringComparison.Ordinal));

    private static Table Create(params string[] heads)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (string head in heads)
        {
            table.AddColumn(head);
        }
        return table;
    }

    private static void Numbers(Table table, params string[] heads)
    {
        foreach (string head in heads)
        {
            table.AddColumn(new TableColumn(head).RightAligned());
        }
    }

    private static string Grid(KernelCost cost)
    {
        var (x, y, z) = cost.Threadgroups;
        return string.Create(CultureInfo.InvariantCulture, $"{x},{y},{z} x {cost.Threads}");
    }

    private static string Milliseconds(double seconds) =>
        (seconds * 1e3).ToString("n3", CultureInfo.InvariantCulture);

    private static string Count(long? value) =>
        value?.ToString("n0", CultureInfo.InvariantCulture) ?? "";
}
