using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Simd;

/// <summary>
/// Exact binary16 to binary32 conversion of vectors. The exponent is rebiased by integer addition.
/// Denormals of binary16, which block scales often are, get the implicit bit they lack and lose it
/// again in a subtraction; no operand is ever denormal in binary32, which would cost a
/// microcode assist.
/// </summary>
internal static class HalfFloat
{
    private const int Rebias = (127 - 15) << 23;
    private const int RebiasNonFinite = (255 - 31) << 23;
    private const int RebiasDenormal = Rebias + (1 << 23);
    private const int FirstNormal = 0x0400;
    private const int LastFinite = 0x7bff;

    public static float ToSingle(ushort half) => (float)BitConverter.UInt16BitsToHalf(half);

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle(Vector128<int> half)
    {
        var magnitude = half & Vector128.Create(0x7fff);
        var shifted = magnitude << 13;
        var rebias = Vector128.ConditionalSelect(
            Vector128.GreaterThan(magnitude, Vector128.Create(LastFinite)),
            Vector128.Create(RebiasNonFinite),
            Vector128.Create(Rebias));
        var denormal = (shifted + Vector128.Create(RebiasDenormal)).AsSingle()
            - Vector128.Create(RebiasDenormal).AsSingle();
        var value = Vector128.ConditionalSelect(
            Vector128.LessThan(magnitude, Vector128.Create(FirstNormal)),
            denormal.AsInt32(),
            shifted + rebias);
        return (value | ((half ^ magnitude) << 16)).AsSingle();
    }

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<int> half)
    {
        var magnitude = half & Vector256.Create(0x7fff);
        var shifted = magnitude << 13;
        var rebias = Vector256.ConditionalSelect(
            Vector256.GreaterThan(magnitude, Vector256.Create(LastFinite)),
            Vector256.Create(RebiasNonFinite),
            Vector256.Create(Rebias));
        var denormal = (shifted + Vector256.Create(RebiasDenormal)).AsSingle()
            - Vector256.Create(RebiasDenormal).AsSingle();
        var value = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude, Vector256.Create(FirstNormal)),
            denormal.AsInt32(),
            shifted + rebias);
        return (value | ((half ^ magnitude) << 16)).AsSingle();
    }

    /// <summary>Each int32 lane holds a zero-extended binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<int> half)
    {
        var magnitude = half & Vector512.Create(0x7fff);
        var shifted = magnitude << 13;
        var rebias = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude, Vector512.Create(LastFinite)),
            Vector512.Create(RebiasNonFinite),
            Vector512.Create(Rebias));
        var denormal = (shifted + Vector512.Create(RebiasDenormal)).AsSingle()
            - Vector512.Create(RebiasDenormal).AsSingle();
        var value = Vector512.ConditionalSelect(
            Vector512.LessThan(magnitude, Vector512.Create(FirstNormal)),
            denormal.AsInt32(),
            shifted + rebias);
        return (value | ((half ^ magnitude) << 16)).AsSingle();
    }

    /// <summary>
    /// Converts up to 8 binary16 values <paramref name="stride"/> bytes apart; places from
    /// <paramref name="count"/> on repeat the last one. Not inlined: it runs once for many
    /// products, and the compiler gives up inlining in methods that have grown too large.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static unsafe void Gather(byte* source, int stride, int count, float* target)
    {
        ToSingle(Collect(source, stride, count) & Vector256.Create(0xffff)).Store(target);
    }

    /// <summary>
    /// As <see cref="Gather"/> for values that end a block: <paramref name="source"/> is two bytes
    /// before the first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static unsafe void GatherAfter(byte* source, int stride, int count, float* target)
    {
        ToSingle(Collect(source, stride, count) >>> 16).Store(target);
    }

    /// <summary>
    /// As <see cref="Gather"/> for pairs of binary16 values: the first ones to target[0..7], the
    /// second ones to target[8..15].
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static unsafe void GatherPairs(byte* source, int stride, int count, float* target)
    {
        var pairs = Collect(source, stride, count);
        ToSingle(pairs & Vector256.Create(0xffff)).Store(target);
        ToSingle(pairs >>> 16).Store(target + 8);
    }

    /// <summary>
    /// 32-bit words at a stride. A block is longer than that, so nothing beyond is read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector256<int> Collect(byte* source, int stride, int count)
    {
        if (count == 8)
        {
            return Vector256.Create(
                *(int*)source,
                *(int*)(source + stride),
                *(int*)(source + (2 * stride)),
                *(int*)(source + (3 * stride)),
                *(int*)(source + (4 * stride)),
                *(int*)(source + (5 * stride)),
                *(int*)(source + (6 * stride)),
                *(int*)(source + (7 * stride)));
        }
        byte* last = source + ((count - 1) * stride);
        byte* second = Min(source + stride, last);
        byte* third = Min(second + stride, last);
        byte* fourth = Min(third + stride, last);
        byte* fifth = Min(fourth + stride, last);
        byte* sixth = Min(fifth + stride, last);
        byte* seventh = Min(sixth + stride, last);
        return Vector256.Create(
            *(int*)source,
            *(int*)second,
            *(int*)third,
            *(int*)fourth,
            *(int*)fifth,
            *(int*)sixth,
            *(int*)seventh,
            *(int*)last);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe byte* Min(byte* a, byte* b) => a < b ? a : b;
}
