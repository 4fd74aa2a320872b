using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Simd;

/// <summary>
/// 64 bytes of vector state, seen as 32 int16, 16 int32 or 16 binary32 lanes. Kernels are written
/// once against this interface; the implementations hold one 512-bit, two 256-bit or four 128-bit
/// registers. Every operation is exact or correctly rounded per lane, and <see cref="SumEach"/>
/// adds in one fixed order, so all implementations give identical bits.
/// </summary>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    static abstract T Zero { get; }

    static abstract T Load(void* source);

    static abstract void Store(void* target, T value);

    /// <summary>Hints that the cache line will be read soon; any address is allowed.</summary>
    static abstract void Prefetch(void* address);

    /// <summary>All 32 int16 lanes equal.</summary>
    static abstract T Int16(short value);

    /// <summary>All 16 int32 (or binary32) lanes equal <c>source[0]</c>.</summary>
    static abstract T Broadcast(void* source);

    /// <summary>Int32 lanes 0..7 are <c>pair[0]</c>, lanes 8..15 are <c>pair[1]</c>.</summary>
    static abstract T BroadcastHalves(void* pair);

    /// <summary>All 16 binary32 lanes equal.</summary>
    static abstract T Single(float value);

    /// <summary>Binary32 lanes 0..7 and 8..15.</summary>
    static abstract T Combine(Vector256<float> lower, Vector256<float> upper);

    static abstract T WidenUnsigned(Vector256<byte> bytes);

    static abstract T WidenSigned(Vector256<sbyte> bytes);

    static abstract T And(T a, T b);

    static abstract T Or(T a, T b);

    static abstract T ShiftLeftInt16(T a, int bits);

    /// <summary>Logical shift of the int16 lanes.</summary>
    static abstract T ShiftRightInt16(T a, int bits);

    static abstract T SubtractInt16(T a, T b);

    /// <summary>Low 16 bits of the products of the int16 lanes.</summary>
    static abstract T MultiplyInt16(T a, T b);

    /// <summary>Int32 lane i = a[2i] * b[2i] + a[2i+1] * b[2i+1] over int16 lanes.</summary>
    static abstract T MultiplyAddAdjacent(T a, T b);

    static abstract T AddInt32(T a, T b);

    /// <summary>Int32 lanes to binary32, rounded to nearest even.</summary>
    static abstract T ToSingle(T a);

    static abstract T MultiplySingle(T a, T b);

    static abstract T SubtractSingle(T a, T b);

    /// <summary>a * b + c over binary32 lanes with one rounding.</summary>
    static abstract T FusedMultiplyAdd(T a, T b, T c);

    /// <summary>16 unsigned bytes to binary32 lanes.</summary>
    static abstract T WidenToSingle(Vector128<byte> bytes);

    /// <summary>16 binary16 values to binary32 lanes, exactly.</summary>
    static abstract T LoadHalf(ushort* source);

    /// <summary>16 bfloat16 values to binary32 lanes, exactly.</summary>
    static abstract T LoadBFloat16(ushort* source);

    /// <summary>
    /// The sums of the 16 binary32 lanes of four vectors, in the one order all kernels use: within
    /// each four lanes (0 + 2) + (1 + 3), giving f0 .. f3, then (f0 + f2) + (f1 + f3).
    /// </summary>
    static abstract Vector128<float> SumEach(T a, T b, T c, T d);

    /// <summary>16 words of 16 bits, each in the low half of an int32 lane.</summary>
    static abstract T WidenWords(void* source);

    /// <summary>Of 32 words lane i of int32 gets word i below and word 16 + i above.</summary>
    static abstract T PairWords(void* source);

    /// <summary>
    /// int32 lanes of words, each twice, cut to the mask: (word shifted to the left by
    /// <paramref name="below"/>, to the right if that is negative, or word shifted to the left
    /// by <paramref name="above"/>) and mask.
    /// </summary>
    static abstract T Fold(T words, int below, int above, short mask);

    /// <summary>Shifts int32 lanes to the left.</summary>
    static abstract T ShiftLeftInt32(T a, int bits);

    /// <summary>Shifts int16 lanes to the right; copies of the sign come in.</summary>
    static abstract T ShiftRightSignedInt16(T a, int bits);

    /// <summary>
    /// int16 lane j = a[2j] * b[2j] + a[2j + 1] * b[2j + 1] of the bytes of a, unsigned, and b,
    /// signed. The sum must fit: instruction sets differ where it does not.
    /// </summary>
    static abstract T MultiplyAddBytes(T a, T b);

    /// <summary>int32 lanes: sum + the products of a and b, two neighbours added.</summary>
    static abstract T AddProducts(T sum, T a, T b);
}
