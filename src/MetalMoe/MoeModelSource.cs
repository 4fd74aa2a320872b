using System.Diagnostics;
using MetalMoe.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace MetalMoe;

/// <summary>
/// A model of an application's services: loaded once, by whoever needs it first, and disposed
/// with the services. Thread-safe.
/// </summary>
public sealed class MoeModelSource : IAsyncDisposable, IDisposable
{
    private readonly string _name;
    private readonly IOptionsMonitor<MetalMoeOptions> _options;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private Task<MoeModel>? _loading;
    private bool _isDisposed;

    internal MoeModelSource(
        string name, IOptionsMonitor<MetalMoeOptions> options, ILogger<MoeModelSource> logger)
    {
        _name = name;
        _options = options;
        _logger = logger;
    }

    /// <summary>The options the model is loaded with.</summary>
    /// <exception cref="OptionsValidationException">An option is not possible.</exception>
    public MetalMoeOptions Options => _options.Get(_name);

    /// <summary>The model when it is loaded, else null.</summary>
    public MoeModel? Current
    {
        get
        {
            lock (_gate)
            {
                return _loading is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;
            }
        }
    }

    /// <summary>The model. A load that failed is tried again by the next call.</summary>
    /// <param name="cancellationToken">Stops waiting; the load goes on for others.</param>
    /// <exception cref="Core.MetalMoeException">The model cannot be loaded.</exception>
    /// <exception cref="OptionsValidationException">An option is not possible.</exception>
    public Task<MoeModel> GetModelAsync(CancellationToken cancellationToken = default)
    {
        Task<MoeModel> loading;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_loading is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _loading = LoadAsync();
            }
            loading = _loading;
        }
        return loading.WaitAsync(cancellationToken);
    }

    /// <summary>Disposes the model; a load under way is abandoned.</summary>
    public async ValueTask DisposeAsync()
    {
        Task<MoeModel>? loading;
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
            loading = _loading;
        }
        await _stop.CancelAsync().ConfigureAwait(false);
        if (loading is not null)
        {
            await ((Task)loading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (loading.IsCompletedSuccessfully)
            {
                await (await loading.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
        }
        _stop.Dispose();
    }

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<MoeModel> LoadAsync()
    {
        var options = Options;
        long start = Stopwatch.GetTimestamp();
        MetalMoeLog.ModelLoading(_logger, options.ModelPath);
        try
        {
            var model = await MoeModel.LoadAsync(
                options.ModelPath, options.ForModel(), null, _stop.Token).ConfigureAwait(false);
            MetalMoeLog.ModelLoaded(_logger, model.Name, model.DeviceDescription,
                (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            return model;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            MetalMoeLog.ModelFailed(_logger, options.ModelPath, error);
            throw;
        }
    }
}
