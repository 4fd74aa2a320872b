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

    public static bool HasByteCodes => true;

    public static int SubScaleCount => 16;

    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.GatherPairs(block + 80, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        var packed = Vector128.Load(block);
        SuperBlocks.StoreTwice((packed & Vector128.Create((byte)15)).AsSByte(), subScales);
        (packed >>> 4).Store(minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenUnsigned(Vector256.Load(block + 16 + (index / 4 * 32)));
        L value = L.And(L.ShiftRightInt16(codes, index % 4 * 2), L.Int16(3));
        return L.MultiplyInt16(value, L.BroadcastHalves(subScales + (2 * index)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        var packed = Vector128.Load(block);
        SuperBlocks.StoreSixteen(
            (packed & Vector128.Create((byte)15)).AsSByte(), (short*)subScales);
        (packed >>> 4).Store(minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenWords(block + 16 + (index / 2 * 32));
        return index % 2 == 0 ? L.Fold(codes, 0, 14, 0x0303) : L.Fold(codes, -4, 10, 0x0303);
    }
}

/// <summary>
/// 256 third bits (32 bytes), 64 bytes of 2-bit codes laid out as in Q2_K, sixteen 6-bit scales in
/// 12 bytes, scale. Bit g of third-bit byte l belongs to value 32g + l; value = code - 4 where it
/// is clear.
/// </summary>
internal readonly unsafe struct Q3_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 110;

    public static int MinimumsPerBlock => 0;

    public static bool HasByteCodes => true;

    public static int SubScaleCount => 16;

    public static int Offset => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.GatherAfter(block + 106, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.StoreTwice(SubScales(block + 96), subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenUnsigned(Vector256.Load(block + 32 + (index / 4 * 32)));
        L third = L.WidenUnsigned(Vector256.Load(block));
        third = index < 2
            ? L.ShiftLeftInt16(third, 2 - index)
            : L.ShiftRightInt16(third, index - 2);
        L value = L.And(L.ShiftRightInt16(codes, index % 4 * 2), L.Int16(3));
        value = L.SubtractInt16(L.Or(value, L.And(third, L.Int16(4))), L.Int16(4));
        return L.MultiplyInt16(value, L.BroadcastHalves(subScales + (2 * index)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.StoreSixteen(SubScales(block + 96), (short*)subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenWords(block + 32 + (index / 2 * 32));
        codes = index % 2 == 0 ? L.Fold(codes, 0, 14, 0x0303) : L.Fold(codes, -4, 10, 0x0303);
        // Third bits 2 * index and 2 * index + 1 of a byte go to bit 2 of the lower and upper half.
        L third = L.WidenWords(block);
        return L.Or(codes, L.Fold(third, 2 - (2 * index), 17 - (2 * index), 0x0404));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> SubScales(byte* packed)
    {
        ulong low = *(ulong*)packed;
        uint rest = *(uint*)(packed + 8);
        ulong two = ((ulong)(rest >> 2) << 32) | rest;
        ulong first = (low & 0x0f0f0f0f0f0f0f0f) | ((two & 0x0303030303030303) << 4);
        ulong second = (low >> 4) & 0x0f0f0f0f0f0f0f0f;
        second |= ((two >> 4) & 0x0303030303030303) << 4;
        return Vector128.Create(first, second).AsSByte() - Vector128.Create((sbyte)32);
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

    public static bool HasByteCodes => true;

    public static int SubScaleCount => 8;

    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.GatherPairs(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.SixBits(block + 4, subScales, minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenUnsigned(Vector256.Load(block + 16 + (index / 2 * 32)));
        codes = index % 2 == 0 ? L.And(codes, L.Int16(15)) : L.ShiftRightInt16(codes, 4);
        return L.MultiplyInt16(codes, L.Broadcast(subScales + index));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.SixBitsOnce(block + 4, subScales, minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenWords(block + 16 + (index * 32));
        return L.Fold(codes, 0, 12, 0x0f0f);
    }
}

/// <summary>
/// Q4_K with a fifth bit: bit g of byte l of 32 belongs to value 32g + l.
/// </summary>
internal readonly unsafe struct Q5_KFormat : ISuperBlockFormat
{
    public static int BlockBytes => 176;

    public static int MinimumsPerBlock => 8;

    public static bool HasByteCodes => true;

    public static int SubScaleCount => 8;

    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.GatherPairs(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.SixBits(block + 4, subScales, minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        L fifth = L.WidenUnsigned(Vector256.Load(block + 16));
        fifth = index < 4
            ? L.ShiftLeftInt16(fifth, 4 - index)
            : L.ShiftRightInt16(fifth, index - 4);
        L codes = L.WidenUnsigned(Vector256.Load(block + 48 + (index / 2 * 32)));
        codes = index % 2 == 0 ? L.And(codes, L.Int16(15)) : L.ShiftRightInt16(codes, 4);
        codes = L.Or(codes, L.And(fifth, L.Int16(16)));
        return L.MultiplyInt16(codes, L.Broadcast(subScales + index));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.SixBitsOnce(block + 4, subScales, minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.Fold(L.WidenWords(block + 48 + (index * 32)), 0, 12, 0x0f0f);
        // Fifth bits 2 * index and 2 * index + 1 of a byte go to bit 4 of the lower and upper half.
        L fifth = L.WidenWords(block + 16);
        return L.Or(codes, L.Fold(fifth, 4 - (2 * index), 19 - (2 * index), 0x1010));
    }
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

    public static bool HasByteCodes => true;

    public static int SubScaleCount => 16;

    public static int Offset => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.GatherAfter(block + 206, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.StoreTwice(Vector128.Load((sbyte*)block + 192), subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        int half = index / 4;
        int quarter = index % 4;
        L codes = L.WidenUnsigned(Vector256.Load(block + (64 * half) + (quarter % 2 * 32)));
        codes = quarter < 2 ? L.And(codes, L.Int16(15)) : L.ShiftRightInt16(codes, 4);
        L upper = L.WidenUnsigned(Vector256.Load(block + 128 + (32 * half)));
        upper = quarter < 2
            ? L.ShiftLeftInt16(upper, 4 - (2 * quarter))
            : L.ShiftRightInt16(upper, (2 * quarter) - 4);
        codes = L.Or(codes, L.And(upper, L.Int16(0x30)));
        codes = L.SubtractInt16(codes, L.Int16(32));
        return L.MultiplyInt16(codes, L.BroadcastHalves(subScales + (2 * index)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        SuperBlocks.StoreSixteen(Vector128.Load((sbyte*)block + 192), (short*)subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.PairWords(block + (index / 2 * 64));
        L upper = L.WidenWords(block + 128 + (index / 2 * 32));
        return index % 2 == 0
            ? L.Or(L.And(codes, L.Int16(0x0f0f)), L.Fold(upper, 4, 18, 0x3030))
            : L.Or(
                L.And(L.ShiftRightInt16(codes, 4), L.Int16(0x0f0f)),
                L.Fold(upper, 0, 14, 0x3030));
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

    public static bool HasByteCodes => false;

    public static int SubScaleCount => 8;

    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block, BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(byte* block, int* subScales, byte* minimums)
    {
        uint packed = *(uint*)(block + 4);
        ulong even = packed & 0x0f0f0f0f;
        ulong odd = (packed >> 4) & 0x0f0f0f0f;
        var low = Vector128.WidenLower(Vector128.CreateScalarUnsafe(even).AsByte());
        low |= Vector128.WidenLower(Vector128.CreateScalarUnsafe(odd).AsByte()) << 8;
        // Shifting left by multiplication puts bit pair i on top of lane i.
        var shifts = Vector128.Create((ushort)0x4000, 0x1000, 0x400, 0x100, 0x40, 0x10, 4, 1);
        var high = (Vector128.Create(*(ushort*)(block + 2)) * shifts) >>> 14 << 4;
        var scales = Vector128.WidenLower(low.AsByte()) | high;
        SuperBlocks.StoreTwice(scales.AsInt16() - Vector128.Create((short)32), subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Group<L>(byte* block, int* subScales, int index)
        where L : struct, ILanes<L>
    {
        L codes = L.WidenSigned(SmallBlocks.Lookup(block + 8 + (16 * index), IQ4_NLFormat.Table));
        return L.MultiplyInt16(codes, L.Broadcast(subScales + index));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareBytes(byte* block, int* subScales, byte* minimums)
    {
        throw new UnreachableException();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Codes<L>(byte* block, int index)
        where L : struct, ILanes<L>
    {
        throw new UnreachableException();
    }
}
