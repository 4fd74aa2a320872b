namespace MetalMoe.Metal.Kernels;

/// <summary>Type of a function constant.</summary>
internal enum ConstantType
{
    Bool,
    Int,
    UInt,
    Float,
}

/// <summary>
/// A value that a pipeline is compiled for: <c>constant T name [[function_constant(Index)]]</c>.
/// For what changes the code; what changes a number is an argument.
/// </summary>
/// <param name="Index">Its number in the shader.</param>
/// <param name="Type">Its type in the shader.</param>
/// <param name="Bits">Its value.</param>
internal readonly record struct FunctionConstant(int Index, ConstantType Type, uint Bits)
{
    public static FunctionConstant Bool(int index, bool value) =>
        new(index, ConstantType.Bool, value ? 1u : 0u);

    public static FunctionConstant Int(int index, int value) =>
        new(index, ConstantType.Int, (uint)value);

    public static FunctionConstant UInt(int index, uint value) =>
        new(index, ConstantType.UInt, value);

    public static FunctionConstant Float(int index, float value) =>
        new(index, ConstantType.Float, BitConverter.SingleToUInt32Bits(value));
}
