using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Http;

/// <summary>
/// Server-sent events of JSON. Events are collected until they are flushed, so that what is
/// ready at the same time leaves together.
/// </summary>
internal sealed class EventStream : IDisposable
{
    private readonly PipeWriter _output;
    private readonly Utf8JsonWriter _json;

    private EventStream(HttpResponse response)
    {
        _output = response.BodyWriter;
        _json = new Utf8JsonWriter(_output, new JsonWriterOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }

    /// <summary>Sends the headers of a stream.</summary>
    public static EventStream Start(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        // Proxies that collect answers would undo the streaming.
        response.Headers["X-Accel-Buffering"] = "no";
        return new EventStream(response);
    }

    /// <summary>Adds an event.</summary>
    /// <param name="value">Its data.</param>
    /// <param name="type">How it is written.</param>
    /// <param name="name">Its name, where the interface has names.</param>
    public void Write<T>(T value, JsonTypeInfo<T> type, string? name = null)
    {
        if (name is not null)
        {
            Write("event: "u8);
            Encoding.UTF8.GetBytes(name.AsSpan(), _output);
            Write("\n"u8);
        }
        Write("data: "u8);
        _json.Reset(_output);
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
        Write("\n\n"u8);
    }

    /// <summary>Adds the mark that ends a stream of chat or text completions.</summary>
    public void WriteDone() => Write("data: [DONE]\n\n"u8);

    /// <summary>Sends what was added; waits while the client does not read. Cannot be cancelled:
    /// a cancelled write cuts the connection, and the client shall be told why a stream ends. A
    /// client that does not read at all is cut off by the web server.</summary>
    public async ValueTask FlushAsync() =>
        await _output.FlushAsync(CancellationToken.None).ConfigureAwait(false);

    public void Dispose() => _json.Dispose();

    private void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.GetSpan(bytes.Length));
        _output.Advance(bytes.Length);
    }
}
