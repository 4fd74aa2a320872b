using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Simd;

/// <summary>
/// Elementary functions and reductions over 16 f32 lanes. They are written once on
/// <see cref="Vector512{T}"/>, which the JIT splits where the machine is narrower; every lane does
/// the same IEEE operations in the same order everywhere, so results do not depend on the
/// instruction set.
/// </summary>
internal static unsafe class VectorMath
{
    /// <summary>Lanes of one vector; buffer strides are padded to it.</summary>
    public const int Lanes = 16;

    private const float Log2E = 1.44269504088896341f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary><paramref name="count"/> rounded up to whole vectors.</summary>
    public static int Pad(int count) => checked(count + Lanes - 1) / Lanes * Lanes;

    /// <summary>The first <paramref name="count"/> (&lt;= 16) values, zero in the other lanes.
    /// </summary>
    public static Vector512<float> LoadPartial(float* source, int count)
    {
        if (count >= Lanes)
        {
            return Vector512.Load(source);
        }
        float* lanes = stackalloc float[Lanes];
        Unsafe.InitBlockUnaligned(lanes, 0, Lanes * sizeof(float));
        Unsafe.CopyBlockUnaligned(lanes, source, (uint)count * sizeof(float));
        return Vector512.Load(lanes);
    }

    /// <summary>Stores the first <paramref name="count"/> (&lt;= 16) lanes.</summary>
    public static void StorePartial(Vector512<float> value, float* destination, int count)
    {
        if (count >= Lanes)
        {
            value.Store(destination);
            return;
        }
        float* lanes = stackalloc float[Lanes];
        value.Store(lanes);
        Unsafe.CopyBlockUnaligned(destination, lanes, (uint)count * sizeof(float));
    }

    /// <summary>Sum of the lanes by a fixed tree: halves are added until one lane is left.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> v)
    {
        Vector256<float> v8 = v.GetLower() + v.GetUpper();
        Vector128<float> v4 = v8.GetLower() + v8.GetUpper();
        Vector128<float> v2 = v4 + Vector128.Shuffle(v4, Vector128.Create(2, 3, 0, 1));
        return v2.ToScalar() + v2.GetElement(1);
    }

    /// <summary>Largest lane; NaN when a lane is NaN.</summary>
    public static float Max(Vector512<float> v)
    {
        Vector256<float> v8 = Vector256.Max(v.GetLower(), v.GetUpper());
        Vector128<float> v4 = Vector128.Max(v8.GetLower(), v8.GetUpper());
        return MathF.Max(
            MathF.Max(v4.GetElement(0), v4.GetElement(2)),
            MathF.Max(v4.GetElement(1), v4.GetElement(3)));
    }

    /// <summary>Dot product of two padded rows of <paramref name="paddedCount"/> values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int paddedCount)
    {
        var sum = Vector512<float>.Zero;
        for (int i = 0; i < paddedCount; i += Lanes)
        {
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        }
        return Sum(sum);
    }

    /// <summary>
    /// e^x within 2 units in the last place; 0 and infinity beyond the range, NaN stays NaN.
    /// Argument reduction by ln 2 in two parts and a polynomial of degree 6 on +-ln(2)/2.
    /// Source: the Cephes library's coefficients.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var clamped = Vector512.MinNative(
            Vector512.MaxNative(x, Vector512.Create(-110f)), Vector512.Create(89f));
        var n = Vector512.Floor(Vector512.FusedMultiplyAdd(
            clamped, Vector512.Create(Log2E), Vector512.Create(0.5f)));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), clamped);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        var p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512.Create(1f));
        // 2^n in two factors, so that results down to the smallest subnormal are reached.
        var exponent = Vector512.ConvertToInt32Native(n);
        var half = exponent >> 1;
        var result = p * PowerOfTwo(half) * PowerOfTwo(exponent - half);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), result, x);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512.Create(1f) / (Vector512.Create(1f) + Exp(-x));

    /// <summary>x * sigmoid(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Silu(Vector512<float> x) =>
        x / (Vector512.Create(1f) + Exp(-x));

    /// <summary>log(1 + e^x) without overflow.</summary>
    public static float Softplus(float x) =>
        (float)(Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs((double)x))));

    private static Vector512<float> PowerOfTwo(Vector512<int> exponent) =>
        ((exponent + Vector512.Create(127)) << 23).AsSingle();
}
