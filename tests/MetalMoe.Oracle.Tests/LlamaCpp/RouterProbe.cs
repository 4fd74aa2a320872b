using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>
/// Watches a llama.cpp graph run and keeps, per layer and position, the experts it chose and the
/// router's probabilities.
/// </summary>
public sealed unsafe class RouterProbe : IDisposable
{
    private const string ChosenPrefix = "ffn_moe_topk-";
    private const string ProbabilityPrefix = "ffn_moe_probs-";

    private readonly Dictionary<int, List<int[]>> _chosen = [];
    private readonly Dictionary<int, List<float[]>> _probabilities = [];
    private GCHandle _self;
    private Exception? _failure;

    /// <summary>Makes a probe; it must outlive the contexts it is given to.</summary>
    public RouterProbe() => _self = GCHandle.Alloc(this);

    /// <summary>Layers that route.</summary>
    public IEnumerable<int> Layers => _chosen.Keys.Order();

    internal nint State => GCHandle.ToIntPtr(_self);

    internal static delegate* unmanaged[Cdecl]<GgmlTensor*, byte, void*, byte> Callback =>
        &Observe;

    /// <summary>Experts of a layer: per position, in the order they were evaluated.</summary>
    public IReadOnlyList<int[]> Chosen(int layer) => _chosen[layer];

    /// <summary>Router probabilities [E] of a layer, per position.</summary>
    public IReadOnlyList<float[]> Probabilities(int layer) => _probabilities[layer];

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_self.IsAllocated)
        {
            _self.Free();
        }
    }

    internal void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw new InvalidOperationException("the router probe failed", _failure);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte Observe(GgmlTensor* tensor, byte ask, void* state)
    {
        var probe = (RouterProbe)GCHandle.FromIntPtr((nint)state).Target!;
        try
        {
            return probe.Observe(tensor, ask != 0) ? (byte)1 : (byte)0;
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            // An exception must not unwind through C frames; Decode rethrows it.
            probe._failure = e;
            return 0;
        }
    }

    /// <summary>llama.cpp first asks whether a tensor is wanted, then shows it computed.</summary>
    private bool Observe(GgmlTensor* tensor, bool ask)
    {
        string name = Encoding.UTF8.GetString(
            MemoryMarshal.CreateReadOnlySpanFromNullTerminated(tensor->Name));
        bool chosen = name.StartsWith(ChosenPrefix, StringComparison.Ordinal);
        bool probabilities = name.StartsWith(ProbabilityPrefix, StringComparison.Ordinal);
        // Views of the same tensors carry longer names, such as "ffn_moe_probs-0 (reshaped)".
        if (!(chosen || probabilities)
            || !int.TryParse(
                name.AsSpan(name.IndexOf('-') + 1), NumberStyles.None,
                CultureInfo.InvariantCulture, out int layer))
        {
            return false;
        }
        if (ask)
        {
            return true;
        }
        for (long row = 0; row < tensor->Extents[1]; row++)
        {
            byte* data = (byte*)tensor->Data + row * (long)tensor->Strides[1];
            int count = (int)tensor->Extents[0];
            if (chosen)
            {
                Rows(_chosen, layer).Add(new ReadOnlySpan<int>(data, count).ToArray());
            }
            else
            {
                Rows(_probabilities, layer).Add(new ReadOnlySpan<float>(data, count).ToArray());
            }
        }
        return true;
    }

    private static List<T> Rows<T>(Dictionary<int, List<T>> rows, int layer)
    {
        if (!rows.TryGetValue(layer, out var list))
        {
            rows[layer] = list = [];
        }
        return list;
    }
}
