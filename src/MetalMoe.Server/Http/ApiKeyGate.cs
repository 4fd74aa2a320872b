using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Http;

/// <summary>Lets in who knows the key. How long a comparison takes tells nothing of the key:
/// digests of equal length are compared, all their bytes always.</summary>
internal sealed class ApiKeyGate(string key)
{
    private const string Scheme = "Bearer ";
    private readonly byte[] _digest = SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <exception cref="ApiException">The key is missing or wrong.</exception>
    public void Check(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        string given = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim() : "";
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes(given));
        if (!CryptographicOperations.FixedTimeEquals(digest, _digest))
        {
            throw ApiException.Http(401, given.Length == 0
                ? "[server] api key: expected 'Authorization: Bearer KEY', got none"
                : "[server] api key: not the right one", "invalid_api_key");
        }
    }
}
