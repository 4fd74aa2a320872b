using System.Diagnostics;
using System.Net;
using MetalMoe.Core;
using MetalMoe.Server.Endpoints;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;
using MetalMoe.Server.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace MetalMoe.Server;

/// <summary>
/// One model behind an OpenAI-compatible HTTP interface and a chat page. Requests of many clients
/// run together in the model's steps, as many at a time as the model has sessions.
/// </summary>
public sealed class MetalMoeServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly SessionPool _pool;
    private readonly ServerMetrics _metrics;
    private readonly PrometheusExporter _exporter;

    private MetalMoeServer(
        WebApplication app, SessionPool pool, ServerMetrics metrics, PrometheusExporter exporter)
    {
        _app = app;
        _pool = pool;
        _metrics = metrics;
        _exporter = exporter;
        Address = new Uri(app.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Where the server listens, with the port it has.</summary>
    public Uri Address { get; }

    internal SessionPool Pool => _pool;

    /// <summary>Starts a server. The model stays the caller's: it is disposed after the server.
    /// </summary>
    /// <param name="model">The model. All its sessions are the server's.</param>
    /// <param name="options">How to listen.</param>
    /// <param name="logging">Where log entries go; nowhere without it. What people or the model
    /// wrote is never in them.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    /// <exception cref="MetalMoeException">An option is impossible, or the address cannot be
    /// listened on.</exception>
    public static async Task<MetalMoeServer> StartAsync(
        MoeModel model, ServerOptions options, Action<ILoggingBuilder>? logging = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var app = Build(options, logging);
        string name = options.ModelName ?? Path.GetFileNameWithoutExtension(model.Path);
        var logger = app.Services.GetRequiredService<ILoggerFactory>()
            .CreateLogger("MetalMoe.Server");
        var metrics = new ServerMetrics(name);
        var pool = new SessionPool(model, options.QueueLength);
        metrics.Watch(pool);
        var exporter = new PrometheusExporter(meter => ReferenceEquals(meter, metrics.Meter)
            || (meter.Name != ServerMetrics.MeterName
                && meter.Name.StartsWith("MetalMoe", StringComparison.Ordinal)));
        var context = new ServerContext(
            model, options, name, new Answerer(model, pool, metrics, logger),
            new JobBuilder(model, options, new GrammarStore()), new ErrorHandler(logger),
            app.Lifetime.ApplicationStopping);
        Use(app, context, metrics, logger);
        Map(app, context, exporter);
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw new MetalMoeException($"[server] address: expected a free one, got "
                + $"{options.Host} port {options.Port} ({error.Message})", error);
        }
        var server = new MetalMoeServer(app, pool, metrics, exporter);
        ServerLog.Listening(logger, server.Address.ToString(), name);
        return server;
    }

    /// <summary>Ends when the process is told to end, or the token is cancelled.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellationToken = default) =>
        _app.WaitForShutdownAsync(cancellationToken);

    /// <summary>Stops listening, ends what runs, and frees the sessions.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        await _pool.DisposeAsync().ConfigureAwait(false);
        _exporter.Dispose();
        _metrics.Dispose();
    }

    // An empty builder: no settings file and no environment variable opens what is closed here.
    private static WebApplication Build(ServerOptions options, Action<ILoggingBuilder>? logging)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.Services.AddRoutingCore();
        builder.Services.AddCors();
        builder.Services.Configure<HostOptions>(
            host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        logging?.Invoke(builder.Logging);
        var endpoint = options.OtlpEndpoint
            ?? (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is { } text
                && Uri.TryCreate(text, UriKind.Absolute, out var uri) ? uri : null);
        if (endpoint is not null)
        {
            AddTelemetry(builder.Services, endpoint);
        }
        return builder.Build();
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Listen(new IPEndPoint(options.Address, options.Port),
            listen => listen.Protocols = HttpProtocols.Http1);
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodyBytes;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestHeadersTotalSize = 16 << 10;
        limits.MaxRequestLineSize = 4 << 10;
        limits.RequestHeadersTimeout = options.ReceiveTimeout;
    }

    private static void Use(
        WebApplication app, ServerContext context, ServerMetrics metrics, ILogger logger)
    {
        bool isLoopback = IPAddress.IsLoopback(context.Options.Address);
        var key = context.Options.ApiKey is { } text ? new ApiKeyGate(text) : null;
        app.Use(next => async http =>
        {
            long started = Stopwatch.GetTimestamp();
            using var activity = ServerMetrics.Activities.StartActivity(
                http.Request.Method, ActivityKind.Server);
            await context.Errors.RunAsync(http, next).ConfigureAwait(false);
            var duration = Stopwatch.GetElapsedTime(started);
            string route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";
            activity?.SetTag("http.route", route)
                .SetTag("http.response.status_code", http.Response.StatusCode)
                .DisplayName = $"{http.Request.Method} {route}";
            metrics.Answered(route, http.Response.StatusCode, duration);
            ServerLog.Answered(logger, http.Request.Method, route, http.Response.StatusCode,
                (long)duration.TotalMilliseconds);
        });
        if (isLoopback)
        {
            app.Use(next => http =>
            {
                HostGate.Check(http.Request);
                return next(http);
            });
        }
        app.UseRouting();
        if (context.Options.AllowedOrigins.Count > 0)
        {
            app.UseCors(policy => policy.WithOrigins([.. context.Options.AllowedOrigins])
                .WithMethods("GET", "POST").AllowAnyHeader());
        }
        app.Use(next => http =>
        {
            if (http.GetEndpoint()?.Metadata.GetMetadata<OpenToAll>() is null)
            {
                key?.Check(http.Request);
            }
            return next(http);
        });
    }

    private static void Map(
        WebApplication app, ServerContext context, PrometheusExporter exporter)
    {
        var plain = new PlainEndpoints(context, exporter);
        app.MapGet("/", PlainEndpoints.PageFile("index.html", "text/html; charset=utf-8"))
            .WithMetadata(OpenToAll.Instance);
        app.MapGet("/chat.css", PlainEndpoints.PageFile("chat.css", "text/css; charset=utf-8"))
            .WithMetadata(OpenToAll.Instance);
        app.MapGet("/chat.js",
            PlainEndpoints.PageFile("chat.js", "text/javascript; charset=utf-8"))
            .WithMetadata(OpenToAll.Instance);
        app.MapGet("/icon.svg", PlainEndpoints.PageFile("icon.svg", "image/svg+xml"))
            .WithMetadata(OpenToAll.Instance);
        app.MapGet("/health", PlainEndpoints.HealthAsync).WithMetadata(OpenToAll.Instance);
        app.MapGet("/metrics", plain.MetricsAsync);
        app.MapGet("/v1/models", plain.ModelsAsync);
        app.MapGet("/v1/models/{model}", plain.ModelAsync);
        app.MapPost("/tokenize", plain.TokenizeAsync);
        app.MapPost("/v1/chat/completions", new ChatEndpoint(context).RunAsync);
        app.MapPost("/v1/completions", new CompletionEndpoint(context).RunAsync);
        app.MapPost("/v1/responses", new ResponsesEndpoint(context).RunAsync);
    }

    private static void AddTelemetry(IServiceCollection services, Uri endpoint) =>
        services.AddOpenTelemetry()
            .WithTracing(traces => traces
                .AddSource("MetalMoe*")
                .AddOtlpExporter(exporter => exporter.Endpoint = endpoint))
            .WithMetrics(metrics => metrics
                .AddMeter("MetalMoe*")
                .AddOtlpExporter((exporter, reader) =>
                {
                    exporter.Endpoint = endpoint;
                    reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds =
                        10_000;
                }));
}
