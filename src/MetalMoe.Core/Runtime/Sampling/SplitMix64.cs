namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>
/// Counter-based random numbers: draw n depends on the seed and n alone, with integer arithmetic
/// that every machine does alike. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014 (public domain constants).
/// </summary>
internal struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A multiple of 2^-53 in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    public ulong NextUInt64()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
