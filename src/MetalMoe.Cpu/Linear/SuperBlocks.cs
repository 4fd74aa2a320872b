using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>Pieces that several 256-value formats share.</summary>
internal static unsafe class SuperBlocks
{
    /// <summary>The eight 6-bit sub-scales of Q4_K and Q5_K, one a byte.</summary>
    /// <param name="packed">The 12 bytes of sub-scales and minimums.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SixBitScales(byte* packed)
    {
        uint low = *(uint*)packed;
        uint rest = *(uint*)(packed + 8);
        uint high = (rest & 0x0f0f0f0f) | ((low >> 2) & 0x30303030);
        return ((ulong)high << 32) | (low & 0x3f3f3f3f);
    }

    /// <summary>The eight 6-bit minimums of Q4_K and Q5_K, one a byte.</summary>
    /// <param name="packed">The 12 bytes of sub-scales and minimums.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SixBitMinimums(byte* packed)
    {
        uint low = *(uint*)(packed + 4);
        uint rest = *(uint*)(packed + 8);
        uint high = ((rest >> 4) & 0x0f0f0f0f) | ((low >> 2) & 0x30303030);
        return ((ulong)high << 32) | (low & 0x3f3f3f3f);
    }

    /// <summary>Eight bytes as int16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWidened(ulong bytes, short* target) =>
        Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte()).AsInt16().Store(target);

    /// <summary>Minimums 16 * group .. of Q4_K and Q5_K rows: two blocks of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L PairOfMinimums<L>(byte* row, int blockBytes, int group, int blocks)
        where L : struct, ILanes<L>
    {
        byte* first = row + ((long)group * 2 * blockBytes);
        float firstScale = HalfFloat.ToSingle(*(ushort*)(first + 2));
        ulong firstCodes = SixBitMinimums(first + 4);
        float secondScale = 0f;
        ulong secondCodes = 0;
        if ((2 * group) + 1 < blocks)
        {
            byte* second = first + blockBytes;
            secondScale = HalfFloat.ToSingle(*(ushort*)(second + 2));
            secondCodes = SixBitMinimums(second + 4);
        }
        var codes = L.WidenToSingle(Vector128.Create(firstCodes, secondCodes).AsByte());
        return L.MultiplySingle(codes, L.SingleHalves(firstScale, secondScale));
    }
}
