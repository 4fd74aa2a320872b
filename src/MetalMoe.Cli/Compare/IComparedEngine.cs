using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Compare;

/// <summary>One engine of a comparison, with one sequence of one model.</summary>
internal interface IComparedEngine : IDisposable
{
    /// <summary>Name for tables.</summary>
    string Name { get; }

    /// <summary>Version.</summary>
    string Version { get; }

    /// <summary>Settings and what it says about the machine, one line.</summary>
    string Settings { get; }

    /// <summary>Time from opening the file until it could run, seconds.</summary>
    double LoadSeconds { get; }

    /// <summary>V.</summary>
    int VocabularySize { get; }

    /// <summary>Empties the sequence.</summary>
    void Reset();

    /// <summary>Appends tokens and computes the logits of the last one; returns when they are
    /// there.</summary>
    void Append(ReadOnlySpan<int> tokens, CancellationToken cancellationToken);

    /// <summary>Logits [V] after the last appended token; valid until the next append.</summary>
    ReadOnlySpan<float> Logits { get; }
}

/// <summary>Settings that both engines get.</summary>
/// <param name="ModelPath">GGUF file.</param>
/// <param name="Threads">Threads, at least 1.</param>
/// <param name="ContextLength">Positions of the cache.</param>
/// <param name="CacheFormat">Format of keys and values.</param>
internal sealed record EngineSettings(
    string ModelPath, int Threads, int ContextLength, CacheFormat CacheFormat);
