using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Tensors;

/// <summary>
/// Hands out the tensors of a file as weights, checks their shapes, and remembers which were
/// asked for, so that a tensor nobody knows is an error and not a silently wrong model.
/// </summary>
public sealed class WeightMap
{
    private readonly GgufFile _file;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    /// <summary>Opens the map of a file.</summary>
    public WeightMap(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        _file = file;
    }

    /// <summary>True when the file has this tensor.</summary>
    public bool Contains(string name) => _file.FindTensor(name) is not null;

    /// <summary>The tensor with exactly this row-major shape.</summary>
    /// <exception cref="ModelException">It is missing or has another shape.</exception>
    public Weight Get(string name, params ReadOnlySpan<long> shape) =>
        Find(name, shape) ?? throw new ModelException(
            $"[load] {name}: expected {Show(shape)}, got no such tensor ({_file.Path})");

    /// <summary>The tensor with exactly this row-major shape, or null when it is absent.
    /// </summary>
    /// <exception cref="ModelException">It has another shape.</exception>
    public Weight? Find(string name, params ReadOnlySpan<long> shape)
    {
        if (_file.FindTensor(name) is not { } tensor)
        {
            return null;
        }
        long[] found = [.. tensor.Shape];
        if (!shape.SequenceEqual(found))
        {
            throw new ModelException(
                $"[load] {name}: expected {Show(shape)}, got {Show(found)} ({tensor.File})");
        }
        _used.Add(name);
        return new Weight(name, tensor.Format, shape, tensor.Address);
    }

    /// <summary>A vector [length] of F32 values that are all finite.</summary>
    /// <exception cref="ModelException">It is missing or not such a vector.</exception>
    public Weight GetVector(string name, long length)
    {
        Weight vector = Get(name, length);
        return RequireFiniteF32(vector);
    }

    /// <summary>
    /// Checks a weight that kernels read as f32 in place (norms, convolution, router).
    /// </summary>
    /// <exception cref="ModelException">It is not F32, or a value is not finite.</exception>
    public unsafe Weight RequireFiniteF32(Weight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Format != QuantFormat.F32)
        {
            throw new ModelException(
                $"[load] {weight.Name}: expected F32, got {weight.Format} ({_file.Path})");
        }
        var values = new ReadOnlySpan<float>(
            (void*)weight.Address, checked((int)weight.ElementCount));
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new ModelException(
                    $"[load] {weight.Name}: expected finite values, got {values[i]} at {i} "
                    + $"({_file.Path})");
            }
        }
        return weight;
    }

    /// <summary>
    /// Throws when the file has a tensor that was not asked for and that
    /// <paramref name="isKnownButUnused"/> does not excuse.
    /// </summary>
    /// <exception cref="ModelException">Names the first such tensor.</exception>
    public void ThrowOnUnused(Func<string, bool> isKnownButUnused)
    {
        ArgumentNullException.ThrowIfNull(isKnownButUnused);
        foreach (GgufTensor tensor in _file.Tensors)
        {
            if (!_used.Contains(tensor.Name) && !isKnownButUnused(tensor.Name))
            {
                throw new ModelException(
                    $"[load] {tensor.Name}: expected only tensors that the architecture knows, "
                    + $"got this one {Show([.. tensor.Shape])} ({tensor.File})");
            }
        }
    }

    private static string Show(ReadOnlySpan<long> shape)
    {
        var text = new List<string>(shape.Length);
        foreach (long length in shape)
        {
            text.Add(length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        return $"[{string.Join(", ", text)}]";
    }
}
