using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Simd;

/// <summary>64 bytes in four 128-bit registers (AdvSimd, SSE or none).</summary>
internal readonly unsafe struct Lanes128 : ILanes<Lanes128>
{
    private readonly Vector128<short> _a;
    private readonly Vector128<short> _b;
    private readonly Vector128<short> _c;
    private readonly Vector128<short> _d;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Lanes128(Vector128<short> a, Vector128<short> b, Vector128<short> c, Vector128<short> d)
    {
        _a = a;
        _b = b;
        _c = c;
        _d = d;
    }

    public static Lanes128 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Load(void* source)
    {
        return new(
            Vector128.Load((short*)source),
            Vector128.Load((short*)source + 8),
            Vector128.Load((short*)source + 16),
            Vector128.Load((short*)source + 24));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* target, Lanes128 value)
    {
        value._a.Store((short*)target);
        value._b.Store((short*)target + 8);
        value._c.Store((short*)target + 16);
        value._d.Store((short*)target + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Int16(short value)
    {
        var v = Vector128.Create(value);
        return new(
            v,
            v,
            v,
            v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Broadcast(void* source)
    {
        var v = Vector128.Create(*(int*)source).AsInt16();
        return new(v, v, v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 BroadcastHalves(void* pair)
    {
        var low = Vector128.Create(*(int*)pair).AsInt16();
        var high = Vector128.Create(((int*)pair)[1]).AsInt16();
        return new(low, low, high, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Single(float value)
    {
        var v = Vector128.Create(value).AsInt16();
        return new(
            v,
            v,
            v,
            v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Combine(Vector256<float> lower, Vector256<float> upper)
    {
        return new(
            lower.GetLower().AsInt16(),
            lower.GetUpper().AsInt16(),
            upper.GetLower().AsInt16(),
            upper.GetUpper().AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 WidenUnsigned(Vector256<byte> bytes)
    {
        return new(
            Vector128.WidenLower(bytes.GetLower()).AsInt16(),
            Vector128.WidenUpper(bytes.GetLower()).AsInt16(),
            Vector128.WidenLower(bytes.GetUpper()).AsInt16(),
            Vector128.WidenUpper(bytes.GetUpper()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 WidenSigned(Vector256<sbyte> bytes)
    {
        return new(
            Vector128.WidenLower(bytes.GetLower()),
            Vector128.WidenUpper(bytes.GetLower()),
            Vector128.WidenLower(bytes.GetUpper()),
            Vector128.WidenUpper(bytes.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 And(Lanes128 a, Lanes128 b)
    {
        return new(
            a._a & b._a,
            a._b & b._b,
            a._c & b._c,
            a._d & b._d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Or(Lanes128 a, Lanes128 b)
    {
        return new(
            a._a | b._a,
            a._b | b._b,
            a._c | b._c,
            a._d | b._d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ShiftLeftInt16(Lanes128 a, int bits)
    {
        return new(
            a._a << bits,
            a._b << bits,
            a._c << bits,
            a._d << bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ShiftRightInt16(Lanes128 a, int bits)
    {
        return new(
            a._a >>> bits,
            a._b >>> bits,
            a._c >>> bits,
            a._d >>> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SubtractInt16(Lanes128 a, Lanes128 b)
    {
        return new(
            a._a - b._a,
            a._b - b._b,
            a._c - b._c,
            a._d - b._d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplyInt16(Lanes128 a, Lanes128 b)
    {
        return new(
            a._a * b._a,
            a._b * b._b,
            a._c * b._c,
            a._d * b._d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplyAddAdjacent(Lanes128 a, Lanes128 b)
    {
        return new(
            MultiplyAddAdjacent(a._a, b._a),
            MultiplyAddAdjacent(a._b, b._b),
            MultiplyAddAdjacent(a._c, b._c),
            MultiplyAddAdjacent(a._d, b._d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 AddInt32(Lanes128 a, Lanes128 b)
    {
        return new(
            (a._a.AsInt32() + b._a.AsInt32()).AsInt16(),
            (a._b.AsInt32() + b._b.AsInt32()).AsInt16(),
            (a._c.AsInt32() + b._c.AsInt32()).AsInt16(),
            (a._d.AsInt32() + b._d.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ToSingle(Lanes128 a)
    {
        return new(
            Vector128.ConvertToSingle(a._a.AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(a._b.AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(a._c.AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(a._d.AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplySingle(Lanes128 a, Lanes128 b)
    {
        return new(
            (a._a.AsSingle() * b._a.AsSingle()).AsInt16(),
            (a._b.AsSingle() * b._b.AsSingle()).AsInt16(),
            (a._c.AsSingle() * b._c.AsSingle()).AsInt16(),
            (a._d.AsSingle() * b._d.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SubtractSingle(Lanes128 a, Lanes128 b)
    {
        return new(
            (a._a.AsSingle() - b._a.AsSingle()).AsInt16(),
            (a._b.AsSingle() - b._b.AsSingle()).AsInt16(),
            (a._c.AsSingle() - b._c.AsSingle()).AsInt16(),
            (a._d.AsSingle() - b._d.AsSingle()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 FusedMultiplyAdd(Lanes128 a, Lanes128 b, Lanes128 c)
    {
        return new(
            Fma(a._a, b._a, c._a),
            Fma(a._b, b._b, c._b),
            Fma(a._c, b._c, c._c),
            Fma(a._d, b._d, c._d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 WidenToSingle(Vector128<byte> bytes)
    {
        var (low, high) = Vector128.Widen(bytes);
        return new(
            Vector128.ConvertToSingle(Vector128.WidenLower(low).AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(Vector128.WidenUpper(low).AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(Vector128.WidenLower(high).AsInt32()).AsInt16(),
            Vector128.ConvertToSingle(Vector128.WidenUpper(high).AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadHalf(ushort* source)
    {
        var low = Vector128.Load(source);
        var high = Vector128.Load(source + 8);
        return new(
            HalfFloat.ToSingle(Vector128.WidenLower(low).AsInt32()).AsInt16(),
            HalfFloat.ToSingle(Vector128.WidenUpper(low).AsInt32()).AsInt16(),
            HalfFloat.ToSingle(Vector128.WidenLower(high).AsInt32()).AsInt16(),
            HalfFloat.ToSingle(Vector128.WidenUpper(high).AsInt32()).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadBFloat16(ushort* source)
    {
        var low = Vector128.Load(source);
        var high = Vector128.Load(source + 8);
        return new(
            (Vector128.WidenLower(low) << 16).AsInt16(),
            (Vector128.WidenUpper(low) << 16).AsInt16(),
            (Vector128.WidenLower(high) << 16).AsInt16(),
            (Vector128.WidenUpper(high) << 16).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> MultiplyAddAdjacent(Vector128<short> a, Vector128<short> b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.MultiplyAddAdjacent(a, b).AsInt16();
        }
        if (AdvSimd.Arm64.IsSupported)
        {
            var low = AdvSimd.MultiplyWideningLower(a.GetLower(), b.GetLower());
            var high = AdvSimd.MultiplyWideningUpper(a, b);
            return AdvSimd.Arm64.AddPairwise(low, high).AsInt16();
        }
        var even = (a.AsInt32() << 16 >> 16) * (b.AsInt32() << 16 >> 16);
        var odd = (a.AsInt32() >> 16) * (b.AsInt32() >> 16);
        return (even + odd).AsInt16();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 WidenWords(void* source)
    {
        var low = Vector128.Load((ushort*)source);
        var high = Vector128.Load((ushort*)source + 8);
        return new(
            Vector128.WidenLower(low).AsInt16(),
            Vector128.WidenUpper(low).AsInt16(),
            Vector128.WidenLower(high).AsInt16(),
            Vector128.WidenUpper(high).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 PairWords(void* source)
    {
        var upper = WidenWords((byte*)source + 32);
        return Or(WidenWords(source), ShiftLeftInt32(upper, 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Fold(Lanes128 words, int below, int above, short mask)
    {
        return new(
            Fold(words._a.AsInt32(), below, above, mask),
            Fold(words._b.AsInt32(), below, above, mask),
            Fold(words._c.AsInt32(), below, above, mask),
            Fold(words._d.AsInt32(), below, above, mask));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 AddProducts(Lanes128 sum, Lanes128 a, Lanes128 b)
    {
        return AddInt32(sum, MultiplyAddAdjacent(a, b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ShiftLeftInt32(Lanes128 a, int bits)
    {
        return new(
            (a._a.AsInt32() << bits).AsInt16(),
            (a._b.AsInt32() << bits).AsInt16(),
            (a._c.AsInt32() << bits).AsInt16(),
            (a._d.AsInt32() << bits).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ShiftRightSignedInt16(Lanes128 a, int bits)
    {
        return new(a._a >> bits, a._b >> bits, a._c >> bits, a._d >> bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplyAddBytes(Lanes128 a, Lanes128 b)
    {
        return new(
            AddBytes(a._a, b._a),
            AddBytes(a._b, b._b),
            AddBytes(a._c, b._c),
            AddBytes(a._d, b._d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Lanes128 a, Lanes128 b, Lanes128 c, Lanes128 d)
    {
        var even = FourSums(a._a, b._a, c._a, d._a) + FourSums(a._c, b._c, c._c, d._c);
        var odd = FourSums(a._b, b._b, c._b, d._b) + FourSums(a._d, b._d, c._d, d._d);
        return even + odd;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourSums(
        Vector128<short> a, Vector128<short> b, Vector128<short> c, Vector128<short> d) =>
        Vector128.Create(
            InLane(a.AsSingle()), InLane(b.AsSingle()), InLane(c.AsSingle()), InLane(d.AsSingle()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float InLane(Vector128<float> v)
    {
        var pairs = v + Vector128.Shuffle(v, Vector128.Create(2, 3, 0, 1));
        return pairs.GetElement(0) + pairs.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Fma(
        Vector128<short> a, Vector128<short> b, Vector128<short> c) =>
        Vector128.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Fold(Vector128<int> lanes, int below, int above, short mask)
    {
        var low = below < 0 ? lanes >>> -below : lanes << below;
        return (low | (lanes << above)).AsInt16() & Vector128.Create(mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> AddBytes(Vector128<short> a, Vector128<short> b)
    {
        if (Ssse3.IsSupported)
        {
            return Ssse3.MultiplyAddAdjacent(a.AsByte(), b.AsSByte());
        }
        var even = (a & Vector128.Create((short)0xff)) * (b << 8 >> 8);
        return even + ((a >>> 8) * (b >> 8));
    }
}
