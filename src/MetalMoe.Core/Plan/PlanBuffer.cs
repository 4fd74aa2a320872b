namespace MetalMoe.Core.Plan;

/// <summary>Names one logical activation buffer of a plan.</summary>
public readonly record struct BufferId(int Index);

/// <summary>Element type of an activation buffer.</summary>
public enum BufferElement
{
    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>32-bit integer (expert ids).</summary>
    I32,
}

/// <summary>A logical activation buffer of shape [T, Columns]; a device decides where it lies.
/// </summary>
/// <param name="Name">For messages, traces and captures.</param>
/// <param name="Columns">Values per token.</param>
/// <param name="Element">Element type.</param>
public sealed record PlanBuffer(string Name, int Columns, BufferElement Element);

/// <summary>Shape of the key/value cache of one attention layer: [S, KvHeads * HeadDim] twice.
/// </summary>
public sealed record CacheShape(int KvHeads, int HeadDim);

/// <summary>
/// Shape of the recurrent state of one gated-delta-rule layer, per sequence:
/// convolution rows [ConvKernel - 1, ConvChannels] and S [ValueHeads, KeyDim, ValueDim], f32.
/// </summary>
public sealed record RecurrentShape(
    int ConvKernel, int ConvChannels, int ValueHeads, int KeyDim, int ValueDim);
