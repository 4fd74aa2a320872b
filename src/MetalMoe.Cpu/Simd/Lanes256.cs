using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Simd;

/// <summary>64 bytes in two 256-bit registers (AVX2).</summary>
internal readonly unsafe struct Lanes256 : ILanes<Lanes256>
{
    private readonly Vector256<short> _a;
    private readonly Vector256<short> _b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Lanes256(Vector256<short> a, Vector256<short> b)
    {
        _a = a;
        _b = b;
    }

    public static Lanes256 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(void* source)
    {
        return new(
            Vector256.Load((short*)source),
            Vector256.Load((short*)source + 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* target, Lanes256 value)
    {
        value._a.Store((short*)target);
        value._b.Store((short*)target + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        Sse.Prefetch0(address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Int16(short value)
    {
        var v = Vector256.Create(value);
        return new(
            v,
            v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Broadcast(void* source)
    {
        var v = Vector256.Create(*(int*)source).AsInt16();
        return new(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 BroadcastHalves(void* pair)
    {
        var low = Vector256.Create(*(int*)pair).AsInt16();
        var high = Vector256.Create(((int*)pair)[1]).AsInt16();
        return new(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Single(float value)
    {
        var v = Vector256.Create(value).AsInt16();
        return new(
            v,
            v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Combine(Vector256<float> lower, Vector256<float> upper)
    {
        return new(lower.AsInt16(), upper.AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 WidenUnsigned(Vector256<byte> bytes)
    {
        return new(
            Vector256.WidenLower(bytes).AsInt16(),
            Vector256.WidenUpper(bytes).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 WidenSigned(Vector256<sbyte> bytes)
    {
        return new(
            Vector256.WidenLower(bytes),
            Vector256.WidenUpper(bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 And(Lanes256 a, Lanes256 b)
    {
        return new(
            a._a & b._a,
            a._b & b._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Or(Lanes256 a, Lanes256 b)
    {
        return new(
            a._a | b._a,
            a._b | b._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ShiftLeftInt16(Lanes256 a, int bits)
    {
        return new(
            a._a << bits,
            a._b << bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ShiftRightInt16(Lanes256 a, int bits)
    {
        return new(
            a._a >>> bits,
            a._b >>> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SubtractInt16(Lanes256 a, Lanes256 b)
    {
        return new(
            a._a - b._a,
            a._b - b._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyInt16(Lanes256 a, Lanes256 b)
    {
        return new(
            a._a * b._a,
            a._b * b._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAddAdjacent(Lanes256 a, Lanes256 b)
    {
        return new(
            Avx2.MultiplyAddAdjacent(a._a, b._a).AsInt16(),
            Avx2.MultiplyAddAdjacent(a._b, b._b).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 AddInt32(Lanes256 a, Lanes256 b)
    {
        return new(
            (a._a.AsInt32() + b._a.AsInt32()).AsInt16(),
            (a._b.AsInt32() + b._b.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ToSingle(Lanes256 a)
    {
        return new(
            Vector256.ConvertToSingle(a._a.AsInt32()).AsInt16(),
            Vector256.ConvertToSingle(a._b.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplySingle(Lanes256 a, Lanes256 b)
    {
        return new(
            (a._a.AsSingle() * b._a.AsSingle()).AsInt16(),
            (a._b.AsSingle() * b._b.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SubtractSingle(Lanes256 a, Lanes256 b)
    {
        return new(
            (a._a.AsSingle() - b._a.AsSingle()).AsInt16(),
            (a._b.AsSingle() - b._b.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 FusedMultiplyAdd(Lanes256 a, Lanes256 b, Lanes256 c)
    {
        return new(
            Fma(a._a, b._a, c._a),
            Fma(a._b, b._b, c._b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 WidenToSingle(Vector128<byte> bytes)
    {
        var words = Vector256.WidenLower(bytes.ToVector256Unsafe());
        return new(
            Vector256.ConvertToSingle(Vector256.WidenLower(words).AsInt32()).AsInt16(),
            Vector256.ConvertToSingle(Vector256.WidenUpper(words).AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadHalf(ushort* source)
    {
        var words = Vector256.Load(source);
        return new(
            HalfFloat.ToSingle(Vector256.WidenLower(words).AsInt32()).AsInt16(),
            HalfFloat.ToSingle(Vector256.WidenUpper(words).AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBFloat16(ushort* source)
    {
        var words = Vector256.Load(source);
        return new(
            (Vector256.WidenLower(words) << 16).AsInt16(),
            (Vector256.WidenUpper(words) << 16).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 WidenWords(void* source)
    {
        return new(
            Avx2.ConvertToVector256Int32((ushort*)source).AsInt16(),
            Avx2.ConvertToVector256Int32((ushort*)source + 8).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 PairWords(void* source)
    {
        var upper = WidenWords((byte*)source + 32);
        return Or(WidenWords(source), ShiftLeftInt32(upper, 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Fold(Lanes256 words, int below, int above, short mask)
    {
        return new(
            Fold(words._a.AsInt32(), below, above, mask),
            Fold(words._b.AsInt32(), below, above, mask));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 AddProducts(Lanes256 sum, Lanes256 a, Lanes256 b)
    {
        return AddInt32(sum, MultiplyAddAdjacent(a, b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ShiftLeftInt32(Lanes256 a, int bits)
    {
        return new(
            (a._a.AsInt32() << bits).AsInt16(),
            (a._b.AsInt32() << bits).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ShiftRightSignedInt16(Lanes256 a, int bits)
    {
        return new(a._a >> bits, a._b >> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAddBytes(Lanes256 a, Lanes256 b)
    {
        return new(
            Avx2.MultiplyAddAdjacent(a._a.AsByte(), b._a.AsSByte()),
            Avx2.MultiplyAddAdjacent(a._b.AsByte(), b._b.AsSByte()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Lanes256 a, Lanes256 b, Lanes256 c, Lanes256 d)
    {
        var half = FourSums(a._a, b._a, c._a, d._a) + FourSums(a._b, b._b, c._b, d._b);
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FourSums(
        Vector256<short> a, Vector256<short> b, Vector256<short> c, Vector256<short> d)
    {
        var ab = PairSums(a.AsSingle(), b.AsSingle()).AsDouble();
        var cd = PairSums(c.AsSingle(), d.AsSingle()).AsDouble();
        return Avx.UnpackLow(ab, cd).AsSingle() + Avx.UnpackHigh(ab, cd).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PairSums(Vector256<float> a, Vector256<float> b) =>
        Avx.UnpackLow(a, b) + Avx.UnpackHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Fma(
        Vector256<short> a, Vector256<short> b, Vector256<short> c) =>
        Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Fold(Vector256<int> lanes, int below, int above, short mask)
    {
        var low = below < 0 ? lanes >>> -below : lanes << below;
        return (low | (lanes << above)).AsInt16() & Vector256.Create(mask);
    }
}
