using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Simd;

/// <summary>binary16 to binary32 for 16 values at a time, exact for every bit pattern.</summary>
internal static unsafe class HalfVector
{
    /// <summary>Loads 16 binary16 values as f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* source)
    {
        // Sign-extended and shifted, the sign, exponent and fraction lie where binary32 has
        // them; multiplying by 2^112 moves the exponent bias and normalises subnormals.
        Vector512<int> bits =
            (Widen(Vector256.Load((short*)source)) << 13)
            & Vector512.Create(unchecked((int)0x8fffe000));
        Vector512<float> scaled = bits.AsSingle() * Vector512.Create(5.192296858534828e33f);
        // Infinities and NaNs come out as 65536 and more: they get an all-ones exponent.
        Vector512<float> special = Vector512.GreaterThanOrEqual(
            Vector512.Abs(scaled), Vector512.Create(65536f));
        return scaled | (special & Vector512.Create(0x7f800000).AsSingle());
    }

    private static Vector512<int> Widen(Vector256<short> values)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512Int32(values);
        }
        (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(values);
        return Vector512.Create(lower, upper);
    }
}
