using System.Runtime.InteropServices;

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>ggml's own decoder and reference encoder of each storage format, by GGUF type id.
/// </summary>
public static unsafe class GgmlFormats
{
    /// <summary>Name as ggml writes it, e.g. <c>q4_K</c>.</summary>
    public static string Name(int type) =>
        Marshal.PtrToStringUTF8((nint)LlamaNative.ggml_get_type_traits(type)->TypeName) ?? "";

    /// <summary>Values in a block.</summary>
    public static int BlockSize(int type) =>
        (int)LlamaNative.ggml_get_type_traits(type)->BlockSize;

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(int type) =>
        (int)LlamaNative.ggml_get_type_traits(type)->TypeSize;

    /// <summary>Decodes a whole number of blocks.</summary>
    /// <exception cref="ArgumentException">Lengths do not match.</exception>
    public static void ToFloat(int type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Check(type, values.Length, blocks.Length);
        if (type == 0)
        {
            // F32 has no decoder in ggml.
            MemoryMarshal.Cast<byte, float>(blocks).CopyTo(values);
            return;
        }
        var traits = LlamaNative.ggml_get_type_traits(type);
        fixed (byte* source = blocks)
        fixed (float* destination = values)
        {
            traits->ToFloat(source, destination, values.Length);
        }
    }

    /// <summary>Encodes a whole number of blocks with ggml's reference encoder.</summary>
    /// <exception cref="NotSupportedException">ggml has none for this format.</exception>
    public static void FromFloat(int type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        Check(type, values.Length, blocks.Length);
        var traits = LlamaNative.ggml_get_type_traits(type);
        if (traits->FromFloatRef is null)
        {
            throw new NotSupportedException($"ggml has no reference encoder for {Name(type)}");
        }
        fixed (float* source = values)
        fixed (byte* destination = blocks)
        {
            traits->FromFloatRef(source, destination, values.Length);
        }
    }

    /// <summary>Encodes rows as <c>llama-quantize</c> does, without an importance matrix.</summary>
    public static void Quantize(
        int type, ReadOnlySpan<float> values, int columns, Span<byte> blocks)
    {
        Check(type, values.Length, blocks.Length);
        fixed (float* source = values)
        fixed (byte* destination = blocks)
        {
            LlamaNative.ggml_quantize_chunk(
                type, source, destination, 0, values.Length / columns, columns, null);
        }
    }

    private static void Check(int type, int values, int bytes)
    {
        int size = BlockSize(type);
        if (values % size != 0 || values / size * BlockBytes(type) != bytes)
        {
            throw new ArgumentException(
                $"[{Name(type)}] {values} values do not take {bytes} bytes");
        }
    }
}
