using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

[TestFixture]
public sealed unsafe class MemoryTests
{
    private const long Page = 16384;

    [Test]
    public void Host_and_device_use_the_same_addresses()
    {
        using var model = MetalModel.Bundled("tiny-qwen35moe-q4_k_m.gguf");
        using var metal = model.OnMetal(32);
        Steps.Logits(metal, model.Tokens(1), 1);

        foreach (Weight weight in PlanWeights.Of(model.Plan))
        {
            Assert.That(
                metal.DeviceMemory.Weights.Find(weight).Address, Is.EqualTo(weight.Address));
        }
        fixed (float* logits = metal.GetLogits(0))
        {
            Assert.That((nint)logits, Is.EqualTo(metal.DeviceMemory.Logits.Address));
        }
        // A wrapped buffer's contents are the mapping itself, asked of Metal anew.
        foreach (DeviceBuffer window in metal.DeviceMemory.Weights.Windows)
        {
            Assert.That(new DeviceBuffer(window.Handle).Address, Is.EqualTo(window.Address));
            Assert.That((long)window.Address % Environment.SystemPageSize, Is.Zero);
        }
        long state = metal.DeviceMemory.States.Sum(s => s.BytesPerSlot);
        Assert.That(metal.RecurrentStateBytes, Is.EqualTo(state).And.Positive);
    }

    [Test]
    public void A_decoded_token_allocates_nothing_on_either_side()
    {
        using var model = MetalModel.Bundled("tiny-qwen35moe-q4_k_m.gguf");
        using var metal = model.OnMetal(64);
        var batch = new StepBatch();
        Decode(metal, batch, 0, 3);
        long buffers = Allocations();
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Decode(metal, batch, 3 + (window * 3), 3);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.That(Allocations(), Is.EqualTo(buffers));
        Assert.That(least, Is.Zero);
    }

    [Test]
    public void Everything_is_released_with_the_executor_and_the_device()
    {
        MmObjectCounts before = Counts();
        using (var model = MetalModel.Random(new() { Layers = 1 }, "q4_k_m"))
        {
            using var metal = model.OnMetal(16);
            Steps.Logits(metal, model.Tokens(2), 2);
            Assert.That(Counts().Buffers, Is.GreaterThan(before.Buffers));
        }
        MmObjectCounts after = Counts();

        Assert.That(after.Buffers, Is.EqualTo(before.Buffers));
        Assert.That(after.Pipelines, Is.EqualTo(before.Pipelines));
        Assert.That(after.Libraries, Is.EqualTo(before.Libraries));
        Assert.That(after.Devices, Is.EqualTo(before.Devices));
    }

    [Test]
    public void Windows_cover_every_weight_whole_and_overlap_where_one_would_straddle()
    {
        var random = new Random(3);
        for (int round = 0; round < 200; round++)
        {
            var weights = new List<Weight>();
            long address = 0x7000_0000 + random.Next(1 << 16);
            for (int i = 0; i < random.Next(1, 40); i++)
            {
                long rows = random.Next(1, 200);
                weights.Add(new Weight($"w{i}", QuantFormat.F32, [rows, 1024], (nint)address));
                address += (rows * 4096) + (random.Next(4) == 0 ? random.Next(1 << 18) : 32);
            }
            long limit = (long)random.Next(60, 90) * Page + random.Next((int)Page);
            var windows = WeightWindows.Plan(weights, Page, limit);

            foreach (var (start, length) in windows)
            {
                Assert.That(start % Page, Is.Zero);
                Assert.That(length % Page, Is.Zero);
                Assert.That(length, Is.InRange(Page, limit));
            }
            foreach (Weight weight in weights)
            {
                Assert.That(windows.Any(w => weight.Address >= w.Address
                    && weight.Address + weight.ByteCount <= w.Address + w.Length), weight.Name);
            }
            // Nothing is covered that is not on a page of some weight.
            foreach (var (start, length) in windows)
            {
                for (long page = start; page < start + length; page += Page)
                {
                    Assert.That(weights.Any(w => w.Address < page + Page
                        && w.Address + w.ByteCount > page));
                }
            }
        }
    }

    [Test]
    public void A_weight_longer_than_a_buffer_is_refused_by_name()
    {
        var weight = new Weight("big", QuantFormat.F32, [1000, 1024], 0x7000_0000);

        var error = Assert.Throws<Core.MetalMoeException>(
            () => WeightWindows.Plan([weight], Page, 100 * Page));

        Assert.That(error!.Message, Does.Contain("big"));
    }

    private static void Decode(MetalExecutor metal, StepBatch batch, int position, int count)
    {
        for (int i = 0; i < count; i++)
        {
            batch.Clear();
            batch.Add(0, position + i, [5 + i], LogitsMode.Last);
            metal.Execute(batch, CancellationToken.None);
        }
    }

    private static long Allocations() => Counts().Allocations;

    private static MmObjectCounts Counts()
    {
        if (MetalContext.Unavailable() is { } reason)
        {
            Assert.Ignore(reason);
        }
        Status.Check(NativeMethods.mm_object_counts_get(out MmObjectCounts counts), "counts");
        return counts;
    }
}
