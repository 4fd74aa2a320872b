using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Simd;

/// <summary>64 bytes in one 512-bit register (AVX-512 BW).</summary>
internal readonly unsafe struct Lanes512 : ILanes<Lanes512>
{
    private readonly Vector512<short> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Lanes512(Vector512<short> v)
    {
        _v = v;
    }

    public static Lanes512 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(void* source)
    {
        return new(Vector512.Load((short*)source));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* target, Lanes512 value)
    {
        value._v.Store((short*)target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        Sse.Prefetch0(address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Int16(short value)
    {
        return new(Vector512.Create(value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Broadcast(void* source)
    {
        return new(Vector512.Create(*(int*)source).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 BroadcastHalves(void* pair)
    {
        var both = Vector512.Create(*(long*)pair).AsSingle();
        var choice = Vector512.Create(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        return new(Avx512F.PermuteVar4x32(both, choice).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Single(float value)
    {
        return new(Vector512.Create(value).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Combine(Vector256<float> lower, Vector256<float> upper)
    {
        return new(Avx512F.InsertVector256(
            lower.ToVector512Unsafe(), upper, 1).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 WidenUnsigned(Vector256<byte> bytes)
    {
        return new(Avx512BW.ConvertToVector512Int16(bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 WidenSigned(Vector256<sbyte> bytes)
    {
        return new(Avx512BW.ConvertToVector512Int16(bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 And(Lanes512 a, Lanes512 b)
    {
        return new(a._v & b._v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Or(Lanes512 a, Lanes512 b)
    {
        return new(a._v | b._v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ShiftLeftInt16(Lanes512 a, int bits)
    {
        return new(a._v << bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ShiftRightInt16(Lanes512 a, int bits)
    {
        return new(a._v >>> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SubtractInt16(Lanes512 a, Lanes512 b)
    {
        return new(a._v - b._v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyInt16(Lanes512 a, Lanes512 b)
    {
        return new(a._v * b._v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAddAdjacent(Lanes512 a, Lanes512 b)
    {
        return new(Avx512BW.MultiplyAddAdjacent(a._v, b._v).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 AddInt32(Lanes512 a, Lanes512 b)
    {
        return new((a._v.AsInt32() + b._v.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ToSingle(Lanes512 a)
    {
        return new(Vector512.ConvertToSingle(a._v.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplySingle(Lanes512 a, Lanes512 b)
    {
        return new((a._v.AsSingle() * b._v.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SubtractSingle(Lanes512 a, Lanes512 b)
    {
        return new((a._v.AsSingle() - b._v.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 FusedMultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 c)
    {
        return new(Fma(a._v, b._v, c._v));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 WidenToSingle(Vector128<byte> bytes)
    {
        return new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(bytes)).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadHalf(ushort* source)
    {
        var words = Avx512F.ConvertToVector512Int32(Vector256.Load(source));
        return new(HalfFloat.ToSingle(words).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBFloat16(ushort* source)
    {
        return new((Avx512F.ConvertToVector512Int32(Vector256.Load(source)) << 16).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 WidenWords(void* source)
    {
        return new(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)source)).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 PairWords(void* source)
    {
        var order = Vector512.Create(
            0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        return new(Avx512BW.PermuteVar32x16(Vector512.Load((short*)source), order));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Fold(Lanes512 words, int below, int above, short mask)
    {
        var lanes = words._v.AsInt32();
        var low = below < 0 ? lanes >>> -below : lanes << below;
        return new((low | (lanes << above)).AsInt16() & Vector512.Create(mask));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 AddProducts(Lanes512 sum, Lanes512 a, Lanes512 b)
    {
        return new((sum._v.AsInt32() + Avx512BW.MultiplyAddAdjacent(a._v, b._v)).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ShiftLeftInt32(Lanes512 a, int bits)
    {
        return new((a._v.AsInt32() << bits).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ShiftRightSignedInt16(Lanes512 a, int bits)
    {
        return new(a._v >> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAddBytes(Lanes512 a, Lanes512 b)
    {
        return new(Avx512BW.MultiplyAddAdjacent(a._v.AsByte(), b._v.AsSByte()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Lanes512 a, Lanes512 b, Lanes512 c, Lanes512 d)
    {
        var ab = PairSums(a._v.AsSingle(), b._v.AsSingle()).AsDouble();
        var cd = PairSums(c._v.AsSingle(), d._v.AsSingle()).AsDouble();
        var fours = Avx512F.UnpackLow(ab, cd).AsSingle() + Avx512F.UnpackHigh(ab, cd).AsSingle();
        var half = fours.GetLower() + fours.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> PairSums(Vector512<float> a, Vector512<float> b) =>
        Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Fma(
        Vector512<short> a, Vector512<short> b, Vector512<short> c) =>
        Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsInt16();
}
