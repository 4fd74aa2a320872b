using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>SiLU(gate) * up over one run of values.</summary>
internal static unsafe class SwiGlu
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(float* gate, float* up, float* output, int count)
    {
        for (int i = 0; i < count; i += VectorMath.Lanes)
        {
            var value = VectorMath.Silu(VectorMath.LoadPartial(gate + i, count - i))
                * VectorMath.LoadPartial(up + i, count - i);
            VectorMath.StorePartial(value, output + i, count - i);
        }
    }
}
