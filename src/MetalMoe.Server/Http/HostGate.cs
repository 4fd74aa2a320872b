using System.Net;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Http;

/// <summary>
/// On a loopback address only requests for this machine's own names are served: a web page of a
/// foreign name that its owner points at 127.0.0.1 is not, though the browser takes the server
/// for the page's own.
/// </summary>
internal static class HostGate
{
    /// <exception cref="ApiException">The request names another host.</exception>
    public static void Check(HttpRequest request)
    {
        string host = request.Host.Host;
        bool isLocal = host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var address)
                && IPAddress.IsLoopback(address));
        if (!isLocal)
        {
            throw ApiException.Http(
                421, "[request] host: expected localhost or a loopback address, got another");
        }
    }
}
