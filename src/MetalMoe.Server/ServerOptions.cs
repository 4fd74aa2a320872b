using System.Net;
using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.Server;

/// <summary>How a server listens and what it lets in. Immutable; checked when it starts.
/// </summary>
public sealed record ServerOptions
{
    /// <summary>The address to listen on: an IP address, or <c>localhost</c>. Only this machine
    /// can reach the default.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>What clients must send as bearer token; null lets everybody in.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The model's name in requests and answers; null for its file's name.</summary>
    public string? ModelName { get; init; }

    /// <summary>Requests that may wait for a session; more are refused with status 429.</summary>
    public int QueueLength { get; init; } = 64;

    /// <summary>From a request's arrival to the end of its answer.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>From the first to the last byte of a request's headers or body.</summary>
    public TimeSpan ReceiveTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Largest request body.</summary>
    public long MaxBodyBytes { get; init; } = 4 << 20;

    /// <summary>Connections open at the same time.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Origins of web pages that may call the server, such as
    /// <c>http://localhost:3000</c>; <c>*</c> for all. None by default: only the server's own
    /// page may.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>How tokens are chosen where a request does not say.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Where OpenTelemetry's metrics and traces go; null takes the environment variable
    /// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, and without it they go nowhere.</summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        _ = Address;
        Check(Port is >= 0 and <= 65535, "port", "0 to 65535", Port);
        Check(ApiKey is not "", "api key", "a text", "none");
        Check(ModelName is not "", "model name", "a text", "none");
        Check(QueueLength is >= 0 and <= 100_000, "queue", "0 to 100000", QueueLength);
        Check(RequestTimeout > TimeSpan.Zero && RequestTimeout <= TimeSpan.FromDays(7),
            "timeout", "above 0 s, at most 7 days", RequestTimeout);
        Check(ReceiveTimeout > TimeSpan.Zero && ReceiveTimeout <= TimeSpan.FromHours(1),
            "receive timeout", "above 0 s, at most 1 hour", ReceiveTimeout);
        Check(MaxBodyBytes is >= 1024 and <= 1 << 30, "body limit", "1 KiB to 1 GiB",
            MaxBodyBytes);
        Check(MaxConnections is >= 1, "connections", "at least 1", MaxConnections);
        Sampling.Validate();
    }

    internal IPAddress Address =>
        Host == "localhost" ? IPAddress.Loopback
        : IPAddress.TryParse(Host, out var address) ? address
        : throw new MetalMoeException(
            $"[server] host: expected an IP address or localhost, got '{Host}'");

    private static void Check(bool holds, string name, string expected, object found)
    {
        if (!holds)
        {
            throw new MetalMoeException($"[server] {name}: expected {expected}, got {found}");
        }
    }
}
