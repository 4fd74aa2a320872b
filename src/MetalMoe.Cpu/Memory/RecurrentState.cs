using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Memory;

/// <summary>
/// Recurrent state of one gated-delta-rule layer, per slot: the last ConvKernel - 1 rows before
/// the convolution, then S [value head, KeyDim, padded ValueDim], all f32.
/// </summary>
internal sealed unsafe class RecurrentState : IDisposable
{
    private readonly NativeBuffer _buffer;
    private readonly long _convElements;

    public RecurrentState(RecurrentShape shape, int slots)
    {
        Shape = shape;
        ValueStride = VectorMath.Pad(shape.ValueDim);
        HeadElements = (long)shape.KeyDim * ValueStride;
        _convElements = VectorMath.Pad(checked((shape.ConvKernel - 1) * shape.ConvChannels));
        BytesPerSlot = checked((_convElements + (shape.ValueHeads * HeadElements)) * 4);
        _buffer = new NativeBuffer(checked(BytesPerSlot * slots));
    }

    public RecurrentShape Shape { get; }

    /// <summary>Elements from one row of S to the next.</summary>
    public int ValueStride { get; }

    /// <summary>Elements of one head's S.</summary>
    public long HeadElements { get; }

    public long BytesPerSlot { get; }

    public long ByteCount => _buffer.ByteCount;

    /// <summary>Rows [ConvKernel - 1, ConvChannels], oldest first.</summary>
    public float* Convolution(int slot) => (float*)Slot(slot);

    /// <summary>S of one value head: [KeyDim, ValueStride].</summary>
    public float* Head(int slot, int head) =>
        Convolution(slot) + _convElements + (head * HeadElements);

    /// <summary>All bytes of one slot.</summary>
    public byte* Slot(int slot) => _buffer.Pointer + (slot * BytesPerSlot);

    public void Dispose() => _buffer.Dispose();
}
