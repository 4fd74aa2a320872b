namespace MetalMoe.Core.Quants;

/// <summary>Conversions between float32 and the bit pattern of bfloat16.</summary>
public static class Bf16
{
    /// <summary>The value of a bfloat16 bit pattern; always exact.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>
    /// The nearest bfloat16, ties to even. Subnormals are kept, values beyond the largest
    /// bfloat16 become infinite, NaN stays NaN (quiet).
    /// </summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return (ushort)((bits >> 16) | 0x40);
        }
        // Half a unit of the kept part, less one when the kept part is even: ties go to even.
        uint roundUp = 0x7FFF + ((bits >> 16) & 1);
        return (ushort)((bits + roundUp) >> 16);
    }
}
