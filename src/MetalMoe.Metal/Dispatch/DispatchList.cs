using System.Runtime.InteropServices;
using MetalMoe.Metal.Interop;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Dispatch;

/// <summary>
/// The dispatches of one form of step as the native side takes them: records, bindings and
/// argument bytes in three pinned arrays. Built once; a step only fills in the grids.
/// </summary>
internal sealed unsafe class DispatchList
{
    // 64-bit fields of arguments must be aligned.
    private const int ArgumentAlignment = 16;
    private const int StepParamsIndex = 1;

    private readonly List<DispatchEntry> _entries = [];
    private readonly List<(BufferRef Part, int Index)> _buffers = [];
    private readonly List<byte> _args = [];
    private readonly List<MmDispatch> _building = [];
    private readonly HazardTracker _hazards = new();
    private MmDispatch[] _records = [];
    private MmBinding[] _bindings = [];
    private byte[] _argBytes = [];

    /// <summary>The dispatches in order.</summary>
    public IReadOnlyList<DispatchEntry> Entries => _entries;

    /// <summary>Bindings of all dispatches, that of the step's numbers included.</summary>
    public int BindingCount => _bindings.Length;

    /// <summary>Adds a dispatch; only before <see cref="Seal"/>.</summary>
    /// <exception cref="ArgumentException">The buffers are not those of the kernel's spec, or
    /// the threadgroup is larger than the pipeline allows.</exception>
    public void Add(
        DispatchEntry entry, ReadOnlySpan<byte> args, ReadOnlySpan<BufferRef> buffers)
    {
        var bindings = entry.Kernel.Bindings;
        if (bindings.Count != buffers.Length)
        {
            throw new ArgumentException(
                $"[metal] {entry.Pipeline.Name}: expected {bindings.Count} buffers, got "
                + $"{buffers.Length} ({entry.Operation})");
        }
        if (entry.Threads < 1 || entry.Threads > entry.Pipeline.MaxThreads)
        {
            throw new ArgumentException(
                $"[metal] {entry.Pipeline.Name}: expected 1 to {entry.Pipeline.MaxThreads} threads "
                + $"a threadgroup, got {entry.Threads} ({entry.Operation})");
        }
        while (_args.Count % ArgumentAlignment != 0)
        {
            _args.Add(0);
        }
        _building.Add(new MmDispatch
        {
            Pipeline = entry.Pipeline.Handle.Pointer,
            FirstBinding = (uint)_buffers.Count,
            ArgumentOffset = (uint)_args.Count,
            ArgumentBytes = (uint)args.Length,
            Threads = new MmSize { X = (uint)entry.Threads, Y = 1, Z = 1 },
            ThreadgroupBytes = (uint)entry.ThreadgroupBytes,
            Flags = _hazards.Add(bindings, buffers) ? MmDispatch.BarrierBefore : 0,
        });
        _entries.Add(entry);
        _args.AddRange(args);
        _buffers.Add((default, StepParamsIndex));
        for (int i = 0; i < buffers.Length; i++)
        {
            if (!buffers[i].IsNone)
            {
                _buffers.Add((buffers[i], KernelSpec.FirstBinding + i));
            }
        }
        CollectionsMarshal.AsSpan(_building)[^1].BindingCount =
            (uint)_buffers.Count - _building[^1].FirstBinding;
    }

    /// <summary>Ends the building and makes the native arrays.</summary>
    public void Seal(BufferRef stepParams)
    {
        _bindings = GC.AllocateArray<MmBinding>(_buffers.Count, pinned: true);
        _argBytes = GC.AllocateArray<byte>(_args.Count, pinned: true);
        _records = GC.AllocateArray<MmDispatch>(_entries.Count, pinned: true);
        _args.CopyTo(_argBytes);
        _building.CopyTo(_records);
        for (int i = 0; i < _buffers.Count; i++)
        {
            var (part, index) = _buffers[i];
            _bindings[i] = Binding(index == StepParamsIndex ? stepParams : part, index);
        }
    }

    /// <summary>True when the dispatch waits for all before it.</summary>
    public bool HasBarrier(int dispatch) =>
        (_building[dispatch].Flags & MmDispatch.BarrierBefore) != 0;

    /// <summary>The bindings of a dispatch.</summary>
    public (int First, int Count) BindingRange(int dispatch) =>
        ((int)_building[dispatch].FirstBinding, (int)_building[dispatch].BindingCount);

    /// <summary>What a dispatch binds from index 2 on: index of the binding and buffer.</summary>
    public IEnumerable<(BufferRef Part, int Index)> Buffers(int dispatch)
    {
        var (first, count) = BindingRange(dispatch);
        return _buffers.GetRange(first + 1, count - 1);
    }

    /// <summary>The list as a submission with the grids of a step; valid while the list is
    /// alive, until the next call.</summary>
    public MmSubmission Prepare(StepShape step)
    {
        for (int i = 0; i < _records.Length; i++)
        {
            Grid grid = _entries[i].Grid(step);
            _records[i].Threadgroups = new MmSize
            {
                X = checked((uint)grid.X),
                Y = checked((uint)grid.Y),
                Z = checked((uint)grid.Z),
            };
        }
        return new MmSubmission
        {
            Dispatches = Pointer(_records),
            DispatchCount = (uint)_records.Length,
            Bindings = Pointer(_bindings),
            BindingCount = (uint)_bindings.Length,
            Arguments = Pointer(_argBytes),
            ArgumentBytes = (uint)_argBytes.Length,
        };
    }

    private static T* Pointer<T>(T[] pinned)
        where T : unmanaged => (T*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);

    private static MmBinding Binding(in BufferRef part, int index) => new()
    {
        Buffer = part.Buffer.Handle.Pointer,
        OffsetBytes = (ulong)part.Offset,
        SizeBytes = (ulong)part.Length,
        Index = (uint)index,
    };
}
