namespace MetalMoe.Core.Plan;

/// <summary>Collects buffers, states and operations while a model file describes itself.</summary>
public sealed class PlanBuilder
{
    private readonly List<PlanBuffer> _buffers = [];
    private readonly List<PlanOp> _ops = [];
    private readonly List<CacheShape> _caches = [];
    private readonly List<RecurrentShape> _states = [];

    /// <summary>
    /// The buffer of this name, created on first use. Layers share buffers by name, so scratch
    /// memory does not grow with depth.
    /// </summary>
    public BufferId Buffer(string name, int columns, BufferElement element = BufferElement.F32)
    {
        int index = _buffers.FindIndex(b => b.Name == name);
        if (index < 0)
        {
            index = _buffers.Count;
            _buffers.Add(new PlanBuffer(name, columns, element));
        }
        else if (_buffers[index].Columns != columns || _buffers[index].Element != element)
        {
            throw new InvalidOperationException(
                $"[plan] buffer {name}: expected [{_buffers[index].Columns}], got [{columns}]");
        }
        return new BufferId(index);
    }

    /// <summary>Adds a key/value cache and returns its index.</summary>
    public int Cache(CacheShape shape)
    {
        _caches.Add(shape);
        return _caches.Count - 1;
    }

    /// <summary>Adds a recurrent state and returns its index.</summary>
    public int RecurrentState(RecurrentShape shape)
    {
        _states.Add(shape);
        return _states.Count - 1;
    }

    /// <summary>Appends an operation.</summary>
    public void Add(PlanOp op) => _ops.Add(op);

    /// <summary>The finished plan.</summary>
    public ModelPlan Build(
        string architecture, int embeddingLength, int vocabularySize, int contextLength) => new()
        {
            Architecture = architecture,
            EmbeddingLength = embeddingLength,
            VocabularySize = vocabularySize,
            ContextLength = contextLength,
            Buffers = [.. _buffers],
            Ops = [.. _ops],
            Caches = [.. _caches],
            RecurrentStates = [.. _states],
        };
}
