using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Simd;

/// <summary>
/// Exact binary16 to binary32 conversion. The bits moved into place read as the value times 2^-112;
/// the multiplication puts the exponent right and normalises binary16's denormals. Only infinities
/// and NaNs need their exponent filled up afterwards.
/// </summary>
internal static class HalfFloat
{
    private const int Mantissa = 0x0fffe000;
    private const int FirstNonFinite = 0x0f800000;
    private const int Infinity = 0x7f800000;

    /// <summary>2^112, the difference of the exponent biases.</summary>
    private const float Rebias = 5192296858534827628530496329220096f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(ushort half)
    {
        int bits = (short)half << 13;
        float value = BitConverter.Int32BitsToSingle(bits & unchecked((int)0x8fffe000)) * Rebias;
        return (half & 0x7c00) != 0x7c00
            ? value
            : BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) | Infinity);
    }

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle(Vector128<int> half)
    {
        var bits = Vector128.ShiftLeft(half, 13);
        var magnitude = bits & Vector128.Create(Mantissa);
        var value = (magnitude.AsSingle() * Vector128.Create(Rebias)).AsInt32();
        var nonFinite = Vector128.GreaterThanOrEqual(magnitude, Vector128.Create(FirstNonFinite))
            & Vector128.Create(Infinity);
        var sign = Vector128.ShiftLeft(bits, 3) & Vector128.Create(int.MinValue);
        return (value | nonFinite | sign).AsSingle();
    }

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<int> half)
    {
        var bits = Vector256.ShiftLeft(half, 13);
        var magnitude = bits & Vector256.Create(Mantissa);
        var value = (magnitude.AsSingle() * Vector256.Create(Rebias)).AsInt32();
        var nonFinite = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(FirstNonFinite))
            & Vector256.Create(Infinity);
        var sign = Vector256.ShiftLeft(bits, 3) & Vector256.Create(int.MinValue);
        return (value | nonFinite | sign).AsSingle();
    }

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<int> half)
    {
        var bits = Vector512.ShiftLeft(half, 13);
        var magnitude = bits & Vector512.Create(Mantissa);
        var value = (magnitude.AsSingle() * Vector512.Create(Rebias)).AsInt32();
        var nonFinite = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(FirstNonFinite))
            & Vector512.Create(Infinity);
        var sign = Vector512.ShiftLeft(bits, 3) & Vector512.Create(int.MinValue);
        return (value | nonFinite | sign).AsSingle();
    }
}
