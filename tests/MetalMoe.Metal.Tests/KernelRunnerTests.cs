using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Kernels.Args;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

[TestFixture]
public sealed class KernelRunnerTests
{
    private const string Source = """
        #include <metal_stdlib>
        #include "common/kernel_args.h"
        using namespace metal;

        kernel void scale(
            constant SegmentInfo& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
            device const float* x [[buffer(2)]], device float* y [[buffer(3)]],
            uint i [[thread_position_in_grid]])
        {
            if (i < args.token_count) {
                y[i] = x[i] * float(step.token_count);
            }
        }
        """;

    private static readonly KernelSpec Scale = new(
        "probe", "scale", KernelBinding.Read("x"), KernelBinding.Write("y"));

    [Test]
    public void A_kernel_reads_its_arguments_the_step_and_its_buffers()
    {
        using var runner = new KernelRunner();
        runner.Replace("probe", Source);
        runner.SetStep(tokens: 3);
        var x = runner.Input(1f, 2f, 4f);
        var y = runner.Output<float>(3);

        runner.Run(Scale, new SegmentInfo { TokenCount = 3 }, [x, y], new Grid(1), threads: 32);

        Assert.That(KernelRunner.Read<float>(y), Is.EqualTo(new[] { 3f, 6f, 12f }));
    }

    [Test]
    public void A_kernel_that_leaves_its_buffer_is_stopped_and_named()
    {
        using var runner = new KernelRunner();
        runner.Replace("probe", Source);
        var x = runner.Input(1f, 2f, 4f);
        var y = runner.Output<float>(2);

        var error = Assert.Throws<MetalException>(() => runner.Run(
            Scale, new SegmentInfo { TokenCount = 3 }, [x, y], new Grid(1), threads: 32));

        Assert.That(error!.Message, Does.Contain("scale"));
    }
}
