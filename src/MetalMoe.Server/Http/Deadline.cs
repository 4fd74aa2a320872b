using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Http;

/// <summary>
/// When a request ends early: the client left, its time is over, or the server stops.
/// </summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly HttpContext _context;
    private readonly CancellationToken _stopping;
    private readonly TimeSpan _limit;

    public Deadline(HttpContext context, TimeSpan limit, CancellationToken stopping)
    {
        _context = context;
        _stopping = stopping;
        _limit = limit;
        _source = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, stopping);
        _source.CancelAfter(limit);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>What the client is told; null when there is nobody to tell.</summary>
    public ApiException? Explain() =>
        _context.RequestAborted.IsCancellationRequested ? null
        : _stopping.IsCancellationRequested ? ApiException.Stopping()
        : ApiException.TooSlow(_limit);

    public void Dispose() => _source.Dispose();
}
