using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Engine;
using MetalMoe.Telemetry;
using Microsoft.Win32.SafeHandles;

namespace MetalMoe;

/// <summary>
/// A loaded model: the mapped file, its vocabulary, and the device that runs it. Thread-safe;
/// sessions of one model run together in the same steps.
/// </summary>
public sealed class MoeModel : IDisposable, IAsyncDisposable
{
    private readonly LoadedModel _loaded;
    private readonly IDevice _device;
    private readonly EngineLoop _engine;
    private readonly MoeModelOptions _options;
    private int _openSessions;
    private int _isDisposed;

    private MoeModel(
        LoadedModel loaded, IDevice device, ModelText text, Scheduler scheduler,
        MoeModelOptions options)
    {
        _loaded = loaded;
        _device = device;
        _options = options;
        Text = text;
        Grammars = new GrammarCache(text.Tokenizer.Vocabulary, loaded.Plan.VocabularySize);
        Memory = scheduler.Executor.Memory;
        ContextLength = scheduler.Executor.Options.ContextLength;
        DeviceDescription = device.Description;
        Metrics = new EngineMetrics(Name, device.Name, ("weights", loaded.File.FileBytes),
            ("cache", Memory.CacheBytes), ("state", Memory.StateBytes),
            ("scratch", Memory.ScratchBytes));
        _engine = new EngineLoop(scheduler, Metrics);
    }

    /// <summary>Path of the file.</summary>
    public string Path => _loaded.File.Path;

    /// <summary>The mapped file, for its metadata.</summary>
    public GgufFile File => _loaded.File;

    /// <summary>What one step does.</summary>
    public ModelPlan Plan => _loaded.Plan;

    /// <summary>V.</summary>
    public int VocabularySize => Plan.VocabularySize;

    /// <summary>Positions a session can hold.</summary>
    public int ContextLength { get; }

    /// <summary>Bytes held beside the mapped weights.</summary>
    public ExecutorMemory Memory { get; }

    /// <summary>One line on the device.</summary>
    public string DeviceDescription { get; }

    /// <summary>Text to tokens and back.</summary>
    public ModelText Text { get; }

    /// <summary>What the model calls itself, or the name of its file.</summary>
    public string Name => File.Metadata.TryGetString("general.name", out string? name)
        && name.Length > 0 ? name : System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Sessions that can be open at the same time.</summary>
    public int MaxSessions => _options.MaxSessions;

    internal GrammarCache Grammars { get; }

    internal EngineMetrics Metrics { get; }

    /// <summary>Maps a GGUF file and prepares its device, on a thread of the pool.</summary>
    /// <param name="path">A <c>.gguf</c> file, or any part of a split one.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told when a stage begins.</param>
    /// <param name="cancellationToken">Stops between two stages.</param>
    /// <exception cref="MetalMoeException">
    /// The file cannot be read or is not valid, its architecture is unknown, or an option is
    /// impossible.
    /// </exception>
    public static Task<MoeModel> LoadAsync(
        string path, MoeModelOptions? options = null, IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return LoadAsync(() => GgufFile.Open(path), options, progress, cancellationToken);
    }

    /// <summary>As above, for a file that is open already, as a sandboxed application gets it.
    /// </summary>
    /// <param name="handle">A <c>.gguf</c> file open for reading, not a part of a split one. It
    /// stays the caller's, who may close it when the model is loaded.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told when a stage begins.</param>
    /// <param name="cancellationToken">Stops between two stages.</param>
    /// <exception cref="MetalMoeException">As above.</exception>
    public static Task<MoeModel> LoadAsync(
        SafeFileHandle handle, MoeModelOptions? options = null,
        IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handle);
        return LoadAsync(
            () => GgufFile.Open(handle, "model"), options, progress, cancellationToken);
    }

    /// <summary>Opens an empty session.</summary>
    /// <exception cref="InvalidOperationException">
    /// As many sessions are open as <see cref="MoeModelOptions.MaxSessions"/> allows.
    /// </exception>
    public Session CreateSession()
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        return TryCreateSession() ?? throw new InvalidOperationException(
            $"[model] {MaxSessions} sessions are open, as many as the model was loaded for");
    }

    /// <summary>Abandons what runs, then frees cache, device and mapping.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _engine.Dispose();
            _device.Dispose();
            _loaded.File.Dispose();
        }
    }

    /// <summary>As <see cref="Dispose"/>, off the caller's thread.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>An empty session, or null when as many are open as there may be.</summary>
    internal Session? TryCreateSession()
    {
        if (Interlocked.Increment(ref _openSessions) > MaxSessions)
        {
            Interlocked.Decrement(ref _openSessions);
            return null;
        }
        return new Session(this, _options.CheckpointsPerSession);
    }

    internal Task InvokeAsync(Action<Scheduler> action) => _engine.InvokeAsync(action);

    internal void Submit(EngineRequest request)
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        _engine.Submit(request);
    }

    internal void Close(SessionState state)
    {
        Interlocked.Decrement(ref _openSessions);
        _engine.Close(state);
    }

    internal void CheckTokens(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)VocabularySize)
            {
                throw new MetalMoeException(
                    $"[session] token: expected 0 to {VocabularySize - 1}, got {token}");
            }
        }
    }

    private static Task<MoeModel> LoadAsync(
        Func<GgufFile> open, MoeModelOptions? options, IProgress<LoadProgress>? progress,
        CancellationToken cancellationToken)
    {
        options ??= new MoeModelOptions();
        options.Validate();
        return Task.Run(
            () => Load(open, options, progress, cancellationToken), cancellationToken);
    }

    private static MoeModel Load(
        Func<GgufFile> open, MoeModelOptions options, IProgress<LoadProgress>? progress,
        CancellationToken cancellationToken)
    {
        void Enter(LoadStage stage, double fraction)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new LoadProgress(stage, fraction));
        }

        IDevice? device = null;
        IExecutor? executor = null;
        GgufFile? file = null;
        try
        {
            Enter(LoadStage.Mapping, 0);
            device = DeviceCatalog.Open(options.Device, options.Threads);
            file = open();
            Enter(LoadStage.Planning, 0.25);
            var loaded = ModelCatalog.Load(file);
            Enter(LoadStage.Vocabulary, 0.5);
            var text = ModelText.Load(file, options.ChatTemplate);
            Enter(LoadStage.Allocating, 0.75);
            executor = device.CreateExecutor(
                loaded.Plan, options.ForExecutor(loaded.Plan.ContextLength));
            Enter(LoadStage.Ready, 1);
            return new MoeModel(
                loaded, device, text, new Scheduler(executor, options.PromptChunkTokens), options);
        }
        catch
        {
            executor?.Dispose();
            device?.Dispose();
            file?.Dispose();
            throw;
        }
    }
}
