using System.ComponentModel;
using System.IO.Pipelines;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpTools;

/// <summary>An MCP server in this process, and a client connected to it over two pipes. A server
/// elsewhere differs in the transport alone (<c>StdioClientTransport</c>,
/// <c>HttpClientTransport</c>).</summary>
internal sealed class DeskServer : IAsyncDisposable
{
    private readonly McpServer _server;
    private readonly Task _running;

    private DeskServer(McpServer server, Task running, McpClient client)
    {
        _server = server;
        _running = running;
        Client = client;
    }

    /// <summary>The connected client.</summary>
    public McpClient Client { get; }

    /// <summary>Starts the server and connects to it.</summary>
    public static async Task<DeskServer> StartAsync()
    {
        Pipe toServer = new(), toClient = new();
        var server = McpServer.Create(
            new StreamServerTransport(toServer.Reader.AsStream(), toClient.Writer.AsStream()),
            new McpServerOptions
            {
                ServerInfo = new Implementation { Name = "desk", Version = "1.0" },
                ToolCollection =
                [
                    McpServerTool.Create(Add, new() { Name = "add" }),
                    McpServerTool.Create(Reverse, new() { Name = "reverse" }),
                ],
            });
        var running = server.RunAsync();
        var client = await McpClient.CreateAsync(new StreamClientTransport(
            toServer.Writer.AsStream(), toClient.Reader.AsStream()));
        return new DeskServer(server, running, client);
    }

    /// <summary>Disconnects and stops the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _server.DisposeAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [Description("Adds two numbers.")]
    private static int Add(int a, int b) => a + b;

    [Description("Writes a text backwards.")]
    private static string Reverse(string text) => string.Concat(text.Reverse());
}
