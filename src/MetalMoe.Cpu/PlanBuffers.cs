using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu;

/// <summary>
/// Memory of a lowered plan: activation rows by buffer, their quantised forms, and the small
/// vectors (norms, convolution taps) that are copied once so that whole-vector loads may read
/// past their end.
/// </summary>
internal sealed unsafe class PlanBuffers(ModelPlan plan, int maxTokens)
{
    private readonly Dictionary<string, Rows> _rows = [];
    private readonly Dictionary<string, ActivationRows> _quantized = [];
    private readonly HashSet<string> _current = [];
    private readonly List<IDisposable> _owned = [];
    private long _bytes;

    public IReadOnlyList<IDisposable> Owned => _owned;

    public long ByteCount => _bytes;

    /// <summary>The plan's buffer [T, Columns].</summary>
    public Rows Rows(BufferId id)
    {
        PlanBuffer buffer = plan.Buffers[id.Index];
        return Rows(buffer.Name, maxTokens, buffer.Columns);
    }

    /// <summary>A named buffer [rows, columns], allocated on first use.</summary>
    public Rows Rows(string name, long rows, int columns)
    {
        if (!_rows.TryGetValue(name, out Rows found))
        {
            int stride = VectorMath.Pad(columns);
            var buffer = Own(new NativeBuffer(checked(rows * stride * sizeof(float))));
            _bytes += buffer.ByteCount;
            found = new Rows((nint)buffer.Pointer, columns, stride);
            _rows.Add(name, found);
        }
        return found;
    }

    /// <summary>Name of a plan buffer.</summary>
    public string Name(BufferId id) => plan.Buffers[id.Index].Name;

    /// <summary>Says that an operation overwrites this buffer.</summary>
    public void Written(string name) => _current.Remove(name);

    /// <summary>
    /// The activation rows of a buffer; <paramref name="quantize"/> is called to emit the
    /// quantising kernel when <paramref name="needed"/> and no earlier operation has done it
    /// since the buffer was written.
    /// </summary>
    public ActivationRows Activations(
        string name, Rows rows, int maxRows, bool needed, Action<ActivationRows> quantize)
    {
        if (!_quantized.TryGetValue(name, out ActivationRows? activations))
        {
            activations = Own(new ActivationRows(maxRows, rows.Columns));
            activations.Attach((float*)rows.Address, rows.Stride, maxRows, rows.Columns);
            _bytes += activations.Bytes;
            _quantized.Add(name, activations);
        }
        if (needed && _current.Add(name))
        {
            quantize(activations);
        }
        return activations;
    }

    /// <summary>A padded copy of an F32 vector.</summary>
    public float* Vector(Weight weight)
    {
        int count = checked((int)weight.ElementCount);
        var buffer = Own(new NativeBuffer(VectorMath.Pad(count) * sizeof(float)));
        _bytes += buffer.ByteCount;
        new ReadOnlySpan<float>((void*)weight.Address, count).CopyTo(new(buffer.Pointer, count));
        return buffer.Floats;
    }

    /// <summary>A transposed copy [columns, rows] of an F32 matrix, rows padded.</summary>
    public Rows Transposed(Weight weight)
    {
        int rows = checked((int)weight.Rows);
        int columns = checked((int)weight.Columns);
        int stride = VectorMath.Pad(rows);
        var buffer = Own(new NativeBuffer((long)stride * columns * sizeof(float)));
        _bytes += buffer.ByteCount;
        var source = (float*)weight.Address;
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                buffer.Floats[((long)c * stride) + r] = source[((long)r * columns) + c];
            }
        }
        return new Rows((nint)buffer.Pointer, rows, stride);
    }

    public T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
