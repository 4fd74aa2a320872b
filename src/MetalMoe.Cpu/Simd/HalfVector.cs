using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Simd;

/// <summary>binary16 to binary32 for 16 values at a time, exact for every bit pattern.</summary>
internal static unsafe class HalfVector
{
    /// <summary>Loads 16 binary16 values as f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* source)
    {
        Vector256<ushort> packed = Vector256.Load(source);
        (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(packed);
        Vector512<uint> bits = Vector512.Create(lower, upper);
        Vector512<uint> magnitude = (bits & Vector512.Create(0x7fffu)) << 13;
        // Multiplying by 2^112 moves the exponent bias and normalises subnormals in one step.
        Vector512<float> scaled =
            magnitude.AsSingle() * Vector512.Create(5.192296858534828e33f);
        // Infinities and NaNs keep an all-ones exponent.
        Vector512<uint> special = Vector512.GreaterThanOrEqual(
            magnitude, Vector512.Create(0x7c00u << 13));
        Vector512<uint> value =
            scaled.AsUInt32() | (special & Vector512.Create(0x7f800000u));
        Vector512<uint> sign = (bits & Vector512.Create(0x8000u)) << 16;
        return (value | sign).AsSingle();
    }
}
