using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace MetalMoe.Core.Quants;

/// <summary>
/// The formats without blocks. Values are little-endian.
/// <code>
/// F32   4 bytes  IEEE binary32
/// F16   2 bytes  IEEE binary16
/// BF16  2 bytes  the upper half of a binary32
/// </code>
/// Source: the GGUF specification, tensor data.
/// </summary>
internal static class Floats
{
    public static void DecodeF32(ReadOnlySpan<byte> source, Span<float> destination) =>
        source.CopyTo(MemoryMarshal.AsBytes(destination));

    public static void DecodeF16(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = ReadHalf(source[(2 * i)..]);
        }
    }

    public static void DecodeBF16(ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * i)..]);
            destination[i] = Bf16.ToSingle(bits);
        }
    }

    public static void EncodeF32(ReadOnlySpan<float> source, Span<byte> destination) =>
        MemoryMarshal.AsBytes(source).CopyTo(destination);

    public static void EncodeF16(ReadOnlySpan<float> source, Span<byte> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            WriteHalf(destination[(2 * i)..], source[i]);
        }
    }

    public static void EncodeBF16(ReadOnlySpan<float> source, Span<byte> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            ushort bits = Bf16.FromSingle(source[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(destination[(2 * i)..], bits);
        }
    }

    /// <summary>Reads the binary16 at the start of the span.</summary>
    public static float ReadHalf(ReadOnlySpan<byte> source) =>
        (float)BinaryPrimitives.ReadHalfLittleEndian(source);

    /// <summary>
    /// Writes a value as binary16, rounded to nearest even, and returns what was stored, which
    /// is what the rest of the block must be fitted to.
    /// </summary>
    /// <exception cref="ArgumentException">The value rounds to infinity.</exception>
    public static float WriteHalf(Span<byte> destination, float value)
    {
        var half = (Half)value;
        if (!Half.IsFinite(half))
        {
            throw new ArgumentException(
                $"[binary16] value or scale: expected at most 65504 in magnitude, got {value}");
        }
        BinaryPrimitives.WriteHalfLittleEndian(destination, half);
        return (float)half;
    }
}
