using System.Runtime.CompilerServices;
using MetalMoe.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Chat;

/// <summary>A chat client whose model may still have to be loaded: the first request waits for
/// it. The model belongs to the source.</summary>
internal sealed class SourcedChatClient(
    MoeModelSource source, ILogger<MetalMoeChatClient> logger) : IChatClient
{
    private readonly Lock _gate = new();
    private MetalMoeChatClient? _client;
    private bool _isDisposed;

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var client = await GetClientAsync(cancellationToken).ConfigureAwait(false);
        return await client.GetResponseAsync(messages, options, cancellationToken)
            .ConfigureAwait(false);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var client = await GetClientAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var update in client.GetStreamingResponseAsync(
            messages, options, cancellationToken).ConfigureAwait(false))
        {
            yield return update;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
        {
            return null;
        }
        if (serviceType.IsInstanceOfType(this))
        {
            return this;
        }
        if (serviceType.IsInstanceOfType(source))
        {
            return source;
        }
        // Before the model is there its name is known only if the options tell it.
        return source.Current is { } model
            ? ClientOf(model).GetService(serviceType, serviceKey)
            : serviceType == typeof(ChatClientMetadata)
                ? new ChatClientMetadata(
                    MetalMoeTelemetry.Provider, null, source.Options.ModelId)
                : null;
    }

    public void Dispose()
    {
        MetalMoeChatClient? client;
        lock (_gate)
        {
            _isDisposed = true;
            client = _client;
        }
        client?.Dispose();
    }

    private async Task<MetalMoeChatClient> GetClientAsync(CancellationToken cancellationToken) =>
        ClientOf(await source.GetModelAsync(cancellationToken).ConfigureAwait(false));

    private MetalMoeChatClient ClientOf(MoeModel model)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(IChatClient));
            return _client ??= new MetalMoeChatClient(model, source.Options.ForClient(), logger);
        }
    }
}
