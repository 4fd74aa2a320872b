using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Scales and minimums (4 bits each) for 16 groups of 16, 64 bytes of 2-bit codes, scale, minimum
/// scale. Byte l of half h holds values 128h + l, + 32, + 64 and + 96 from the low bits up.
/// </summary>
internal readonly unsafe struct Q2_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 84;

    public static int MinimumsPerBlock => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)(block + 80));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        var scales = Vector128.Load(block) & Vector128.Create((byte)15);
        Vector256.WidenLower(scales.ToVector256Unsafe()).AsInt16().Store(work);
        L sum = L.Zero;
        for (int half = 0; half < 2; half++)
        {
            L codes = L.WidenUnsigned(Vector256.Load(block + 16 + (32 * half)));
            short* scale = work + (8 * half);
            int at = 4 * half;
            sum = Accept<L, TSink>(sum, context, at, codes, scale);
            sum = Accept<L, TSink>(sum, context, at + 1, L.ShiftRightInt16(codes, 2), scale + 2);
            sum = Accept<L, TSink>(sum, context, at + 2, L.ShiftRightInt16(codes, 4), scale + 4);
            sum = Accept<L, TSink>(sum, context, at + 3, L.ShiftRightInt16(codes, 6), scale + 6);
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L>
    {
        byte* block = row + ((long)group * BlockBytes);
        float scale = HalfFloat.ToSingle(*(ushort*)(block + 82));
        return L.MultiplySingle(L.WidenToSingle(Vector128.Load(block) >>> 4), L.Single(scale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Accept<L, TSink>(L sum, short* context, int index, L codes, short* scales)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        L weights = L.MultiplyInt16(L.And(codes, L.Int16(3)), L.Int16Halves(scales));
        return TSink.Accept(sum, context, index, weights);
    }
}

/// <summary>
/// 256 third bits (32 bytes), 64 bytes of 2-bit codes laid out as in Q2_K, sixteen 6-bit scales in 12
/// bytes, scale. Value = code - 4 where the third bit is clear.
/// </summary>
internal readonly unsafe struct Q3_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 110;

    public static int MinimumsPerBlock => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)(block + 108));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        StoreScales(block + 96, work);
        L third = L.WidenUnsigned(Vector256.Load(block));
        L sum = L.Zero;
        for (int half = 0; half < 2; half++)
        {
            L codes = L.WidenUnsigned(Vector256.Load(block + 32 + (32 * half)));
            short* scale = work + (8 * half);
            int at = 4 * half;
            sum = Accept<L, TSink>(sum, context, at, codes, L.ShiftLeftInt16(third, 2), scale);
            sum = Accept<L, TSink>(
                sum, context, at + 1, L.ShiftRightInt16(codes, 2), L.ShiftLeftInt16(third, 1), scale + 2);
            sum = Accept<L, TSink>(
                sum, context, at + 2, L.ShiftRightInt16(codes, 4), third, scale + 4);
            sum = Accept<L, TSink>(
                sum, context, at + 3, L.ShiftRightInt16(codes, 6), L.ShiftRightInt16(third, 1), scale + 6);
            third = L.ShiftRightInt16(third, 4);
        }
        return sum;
    }

    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L> => throw new UnreachableException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(byte* packed, short* work)
    {
        ulong low = *(ulong*)packed;
        uint rest = *(uint*)(packed + 8);
        ulong two = ((ulong)(rest >> 2) << 32) | rest;
        ulong first = (low & 0x0f0f0f0f0f0f0f0f) | ((two & 0x0303030303030303) << 4);
        ulong second = ((low >> 4) & 0x0f0f0f0f0f0f0f0f) | (((two >> 4) & 0x0303030303030303) << 4);
        var scales = Vector128.Create(first, second).AsSByte() - Vector128.Create((sbyte)32);
        Vector256.WidenLower(scales.ToVector256Unsafe()).Store(work);
    }

    /// <summary>Bit 2 of <paramref name="third"/> is the third bit of the code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Accept<L, TSink>(
        L sum, short* context, int index, L codes, L third, short* scales)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        L value = L.Or(L.And(codes, L.Int16(3)), L.And(third, L.Int16(4)));
        L weights = L.MultiplyInt16(L.SubtractInt16(value, L.Int16(4)), L.Int16Halves(scales));
        return TSink.Accept(sum, context, index, weights);
    }
}

/// <summary>
/// Scale, minimum scale, eight 6-bit sub-scales and minimums in 12 bytes, 128 bytes of nibbles: of
/// each 32 bytes the low nibbles are 32 values, the high nibbles the next 32.
/// </summary>
internal readonly unsafe struct Q4_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 144;

    public static int MinimumsPerBlock => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        SuperBlocks.StoreWidened(SuperBlocks.SixBitScales(block + 4), work);
        L sum = L.Zero;
        for (int i = 0; i < 4; i++)
        {
            L codes = L.WidenUnsigned(Vector256.Load(block + 16 + (32 * i)));
            L low = L.MultiplyInt16(L.And(codes, L.Int16(15)), L.Int16(work[2 * i]));
            sum = TSink.Accept(sum, context, 2 * i, low);
            L high = L.MultiplyInt16(L.ShiftRightInt16(codes, 4), L.Int16(work[(2 * i) + 1]));
            sum = TSink.Accept(sum, context, (2 * i) + 1, high);
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L> =>
        SuperBlocks.PairOfMinimums<L>(row, BlockBytes, group, blocks);
}

/// <summary>
/// Q4_K with a fifth bit: byte l of 32 holds the bits of values l, l + 32, .. l + 224.
/// </summary>
internal readonly unsafe struct Q5_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 176;

    public static int MinimumsPerBlock => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        SuperBlocks.StoreWidened(SuperBlocks.SixBitScales(block + 4), work);
        L fifth = L.ShiftLeftInt16(L.WidenUnsigned(Vector256.Load(block + 16)), 4);
        L bit = L.Int16(16);
        L sum = L.Zero;
        for (int i = 0; i < 4; i++)
        {
            L codes = L.WidenUnsigned(Vector256.Load(block + 48 + (32 * i)));
            L low = L.Or(L.And(codes, L.Int16(15)), L.And(fifth, bit));
            low = L.MultiplyInt16(low, L.Int16(work[2 * i]));
            sum = TSink.Accept(sum, context, 2 * i, low);
            fifth = L.ShiftRightInt16(fifth, 1);
            L high = L.Or(L.ShiftRightInt16(codes, 4), L.And(fifth, bit));
            high = L.MultiplyInt16(high, L.Int16(work[(2 * i) + 1]));
            sum = TSink.Accept(sum, context, (2 * i) + 1, high);
            fifth = L.ShiftRightInt16(fifth, 1);
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L> =>
        SuperBlocks.PairOfMinimums<L>(row, BlockBytes, group, blocks);
}

/// <summary>
/// 128 bytes of nibbles, 64 bytes of upper bit pairs, 16 signed sub-scales, scale. For each half of
/// 128 values: 64 bytes whose low nibbles are values 0..63 and high nibbles 64..127, and 32 bytes
/// holding the bit pairs of values l, l + 32, l + 64 and l + 96. Value = code - 32.
/// </summary>
internal readonly unsafe struct Q6_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 210;

    public static int MinimumsPerBlock => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)(block + 208));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        var scales = Vector128.Load((sbyte*)block + 192);
        Vector256.WidenLower(scales.ToVector256Unsafe()).Store(work);
        L nibble = L.Int16(15);
        L sum = L.Zero;
        for (int half = 0; half < 2; half++)
        {
            L first = L.WidenUnsigned(Vector256.Load(block + (64 * half)));
            L second = L.WidenUnsigned(Vector256.Load(block + (64 * half) + 32));
            L upper = L.WidenUnsigned(Vector256.Load(block + 128 + (32 * half)));
            short* scale = work + (8 * half);
            int at = 4 * half;
            sum = Accept<L, TSink>(
                sum, context, at, L.And(first, nibble), L.ShiftLeftInt16(upper, 4), scale);
            sum = Accept<L, TSink>(
                sum, context, at + 1, L.And(second, nibble), L.ShiftLeftInt16(upper, 2), scale + 2);
            sum = Accept<L, TSink>(
                sum, context, at + 2, L.ShiftRightInt16(first, 4), upper, scale + 4);
            sum = Accept<L, TSink>(
                sum,
                context,
                at + 3,
                L.ShiftRightInt16(second, 4),
                L.ShiftRightInt16(upper, 2),
                scale + 6);
        }
        return sum;
    }

    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L> => throw new UnreachableException();

    /// <summary>Bits 4 and 5 of <paramref name="upper"/> are those of the code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Accept<L, TSink>(
        L sum, short* context, int index, L nibbles, L upper, short* scales)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        L value = L.Or(nibbles, L.And(upper, L.Int16(0x30)));
        L weights = L.MultiplyInt16(L.SubtractInt16(value, L.Int16(32)), L.Int16Halves(scales));
        return TSink.Accept(sum, context, index, weights);
    }
}

/// <summary>
/// Scale, eight 6-bit sub-scales (upper bits in 2 bytes, lower in 4), 128 bytes of nibbles into the
/// table of IQ4_NL: of each 16 bytes the low nibbles are 16 values, the high nibbles the next 16.
/// </summary>
internal readonly unsafe struct IQ4_XSFormat : ISuperBlockFormat
{
    public static int BlockBytes => 136;

    public static int MinimumsPerBlock => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => HalfFloat.ToSingle(*(ushort*)block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Unpack<L, TSink>(byte* block, short* context, short* work)
        where L : struct, ILanes<L>
        where TSink : struct, ISink<L>
    {
        uint upper = *(ushort*)(block + 2);
        uint lower = *(uint*)(block + 4);
        L sum = L.Zero;
        for (int i = 0; i < 8; i++)
        {
            uint scale = ((lower >> (4 * i)) & 15) | (((upper >> (2 * i)) & 3) << 4);
            L codes = L.WidenSigned(SmallBlocks.Lookup(block + 8 + (16 * i), IQ4_NLFormat.Table));
            L weights = L.MultiplyInt16(codes, L.Int16((short)((int)scale - 32)));
            sum = TSink.Accept(sum, context, i, weights);
        }
        return sum;
    }

    public static L Minimums<L>(byte* row, int group, int blocks)
        where L : struct, ILanes<L> => throw new UnreachableException();
}
