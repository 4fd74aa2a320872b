using System.Diagnostics;
using MetalMoe.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Chat;

/// <summary>Loads a model when the application starts; the start waits for it, and fails with it.
/// </summary>
internal sealed class ModelWarmUp(MoeModelSource source, ILogger<MoeModelSource> logger)
    : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!source.Options.WarmUp)
        {
            return;
        }
        var model = await source.GetModelAsync(cancellationToken).ConfigureAwait(false);
        long start = Stopwatch.GetTimestamp();
        await using var session = model.CreateSession();
        // One step reads every weight of the trunk: what a page fault costs is paid here.
        session.Append([0]);
        await foreach (var update in session.GenerateAsync(
            new GenerationOptions { MaxTokens = 1 }, cancellationToken).ConfigureAwait(false))
        {
            _ = update;
        }
        MetalMoeLog.ModelWarm(logger, model.Name,
            (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
