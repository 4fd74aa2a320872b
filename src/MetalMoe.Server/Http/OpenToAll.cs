namespace MetalMoe.Server.Http;

/// <summary>Marks addresses that need no key: the page, which asks for it, and the health
/// check.</summary>
internal sealed class OpenToAll
{
    public static OpenToAll Instance { get; } = new();
}
