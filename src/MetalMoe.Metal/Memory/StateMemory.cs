using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;

namespace MetalMoe.Metal.Memory;

/// <summary>
/// Recurrent state of one gated-delta-rule layer, f32: the last rows before the convolution
/// [slot, RingRows, ConvChannels], that of position p at row p % RingRows, and
/// S [slot, ValueHeads, KeyDim, ValueDim].
/// </summary>
internal sealed class StateMemory
{
    private readonly long _convBytes;
    private readonly long _deltaBytes;

    public StateMemory(DeviceBuffer buffer, RecurrentShape shape, int slots)
    {
        Shape = shape;
        Slots = slots;
        _convBytes = ConvBytes(shape);
        _deltaBytes = DeltaBytes(shape);
        Convolution = new BufferRef(buffer, 0, _convBytes * slots);
        Delta = new BufferRef(buffer, Align(_convBytes * slots), _deltaBytes * slots);
    }

    public RecurrentShape Shape { get; }

    public int Slots { get; }

    /// <summary>The rows that the convolution looks back to, and those of a decode step, so that
    /// the step writes none that it still reads.</summary>
    public int RingRows => RingRowCount(Shape);

    public BufferRef Convolution { get; }

    public BufferRef Delta { get; }

    public long BytesPerSlot => _convBytes + _deltaBytes;

    public static long ByteCount(RecurrentShape shape, int slots) =>
        checked(Align(ConvBytes(shape) * slots) + (DeltaBytes(shape) * slots));

    public Span<byte> ConvolutionSlot(int slot) =>
        Convolution.Slice(slot * _convBytes, _convBytes).AsSpan<byte>();

    public Span<byte> DeltaSlot(int slot) =>
        Delta.Slice(slot * _deltaBytes, _deltaBytes).AsSpan<byte>();

    // Kernels may read S in vectors of 16 bytes.
    private static long Align(long bytes) => (bytes + 255) / 256 * 256;

    private static int RingRowCount(RecurrentShape shape) =>
        shape.ConvKernel - 1 + DispatchForms.MaxDecodeTokens;

    private static long ConvBytes(RecurrentShape shape) =>
        checked((long)RingRowCount(shape) * shape.ConvChannels * sizeof(float));

    private static long DeltaBytes(RecurrentShape shape) =>
        checked((long)shape.ValueHeads * shape.KeyDim * shape.ValueDim * sizeof(float));
}
