using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetalMoe.Cpu.Linear;

/// <summary>Pieces that several 256-value formats share.</summary>
internal static unsafe class SuperBlocks
{
    /// <summary>
    /// The eight 6-bit sub-scales and eight 6-bit minimums of Q4_K and Q5_K. Of the dwords A, B, C:
    /// sub-scales 0..3 are the low 6 bits of the bytes of A; 4..7 are the low nibbles of C with the
    /// upper bit pairs of A above them; minimums likewise with B and the high nibbles of C. Done in
    /// integer registers, because the vector units are what decode is short of.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixBits(byte* packed, int* subScales, byte* minimums)
    {
        uint a = *(uint*)packed;
        uint b = *(uint*)(packed + 4);
        uint c = *(uint*)(packed + 8);
        uint low = a & 0x3f3f3f3f;
        uint high = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
        uint upper = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
        *(ulong*)minimums = ((ulong)upper << 32) | (b & 0x3f3f3f3f);
        if (Bmi2.X64.IsSupported)
        {
            // Two bytes at a time to the low byte of two dwords, then each into both halves.
            const ulong places = 0x000000ff000000ff;
            *(ulong*)subScales = Bmi2.X64.ParallelBitDeposit(low, places) * 0x10001;
            *(ulong*)(subScales + 2) = Bmi2.X64.ParallelBitDeposit(low >> 16, places) * 0x10001;
            *(ulong*)(subScales + 4) = Bmi2.X64.ParallelBitDeposit(high, places) * 0x10001;
            *(ulong*)(subScales + 6) = Bmi2.X64.ParallelBitDeposit(high >> 16, places) * 0x10001;
            return;
        }
        var bytes = Vector128.Create(low, high, 0, 0).AsByte();
        StoreTwice(Vector128.WidenLower(bytes).AsInt16(), subScales);
    }

    /// <summary>As <see cref="SixBits"/>, each sub-scale once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixBitsOnce(byte* packed, int* subScales, byte* minimums)
    {
        uint a = *(uint*)packed;
        uint b = *(uint*)(packed + 4);
        uint c = *(uint*)(packed + 8);
        uint high = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
        uint upper = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
        *(ulong*)minimums = ((ulong)upper << 32) | (b & 0x3f3f3f3f);
        ulong both = ((ulong)high << 32) | (a & 0x3f3f3f3f);
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(both).AsByte()).Store((ushort*)subScales);
    }

    /// <summary>16 signed sub-scales as int16: of each four the second and third change places.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSixteen(Vector128<sbyte> scales, short* target)
    {
        var order = Vector128.Create((sbyte)0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
        scales = Vector128.Shuffle(scales, order);
        Vector128.WidenLower(scales).Store(target);
        Vector128.WidenUpper(scales).Store(target + 8);
    }

    /// <summary>Eight bytes as int32 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> WidenToInt32(byte* bytes)
    {
        if (Avx2.IsSupported)
        {
            return Avx2.ConvertToVector256Int32(bytes);
        }
        var words = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)bytes).AsByte());
        return Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32();
    }

    /// <summary>Eight sub-scales, each twice in an int32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<short> scales, int* target)
    {
        var wide = Vector256.WidenLower(scales.AsUInt16().ToVector256Unsafe());
        (wide | (wide << 16)).AsInt32().Store(target);
    }

    /// <summary>16 signed bytes as sub-scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwice(Vector128<sbyte> scales, int* target)
    {
        StoreTwice(Vector128.WidenLower(scales), target);
        StoreTwice(Vector128.WidenUpper(scales), target + 8);
    }
}
