namespace MetalMoe.Core.Gguf;

/// <summary>
/// Where a metadata value lies in the file. It is decoded when it is asked for, so opening a
/// file with a vocabulary of a quarter million strings allocates none of them.
/// </summary>
/// <param name="Type">Type of the value.</param>
/// <param name="ElementType">Type of the elements when the value is an array.</param>
/// <param name="Count">Number of elements, 1 for a scalar.</param>
/// <param name="Offset">Byte offset of the value, or of the first element.</param>
/// <param name="ByteCount">Bytes from there to the end of the value.</param>
public readonly record struct GgufValue(
    GgufValueType Type, GgufValueType ElementType, long Count, long Offset, long ByteCount);
