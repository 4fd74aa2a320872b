namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// A device buffer of f32 rows. <paramref name="Stride"/> (elements) is padded to whole vectors;
/// the padding is zero and stays finite.
/// </summary>
internal readonly unsafe record struct Rows(nint Address, int Columns, int Stride)
{
    public float* Row(long row) => (float*)Address + (row * Stride);
}
