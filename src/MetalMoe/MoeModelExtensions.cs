using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace MetalMoe;

/// <summary>A model in the shapes that other libraries know.</summary>
public static class MoeModelExtensions
{
    /// <summary>The model as a chat client.</summary>
    /// <inheritdoc cref="MetalMoeChatClient(MoeModel, MetalMoeChatClientOptions,
    /// ILogger{MetalMoeChatClient})"/>
    public static IChatClient AsIChatClient(
        this MoeModel model, MetalMoeChatClientOptions? options = null,
        ILogger<MetalMoeChatClient>? logger = null) =>
        new MetalMoeChatClient(model, options, logger);
}
