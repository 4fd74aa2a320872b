namespace MetalMoe.Core.Quants;

/// <summary>
/// Storage format of a tensor. The numeric values are GGUF's own type ids.
/// Source: the GGUF specification, <c>ggml_type</c>.
/// </summary>
public enum QuantFormat
{
    /// <summary>IEEE binary32.</summary>
    F32 = 0,

    /// <summary>IEEE binary16.</summary>
    F16 = 1,

    /// <summary>4 bits, 32 values share one binary16 scale.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, 32 values share one binary16 scale and one minimum.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, 32 values share one binary16 scale.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, 32 values share one binary16 scale and one minimum.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, 32 values share one binary16 scale.</summary>
    Q8_0 = 8,

    /// <summary>2 bits, 256 values in 16 groups with 4-bit scales and minimums.</summary>
    Q2_K = 10,

    /// <summary>3 bits, 256 values in 16 groups with 6-bit scales.</summary>
    Q3_K = 11,

    /// <summary>4 bits, 256 values in 8 groups with 6-bit scales and minimums.</summary>
    Q4_K = 12,

    /// <summary>5 bits, 256 values in 8 groups with 6-bit scales and minimums.</summary>
    Q5_K = 13,

    /// <summary>6 bits, 256 values in 16 groups with 8-bit scales.</summary>
    Q6_K = 14,

    /// <summary>4 bits into a table of 16 values, 32 values share one binary16 scale.</summary>
    IQ4_NL = 20,

    /// <summary>4 bits into a table of 16 values, 256 values in 8 groups of 6-bit scales.</summary>
    IQ4_XS = 23,

    /// <summary>bfloat16.</summary>
    BF16 = 30,

    /// <summary>4-bit floats (E2M1), 32 values share one power-of-two scale.</summary>
    MXFP4 = 39,
}
