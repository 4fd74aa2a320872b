using System.CommandLine;
using System.Text.Json;
using MetalMoe.Cli.Output;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe devices</c>: where a model can run.</summary>
internal static class DevicesCommand
{
    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "devices", "Lists the devices and why one is not available.",
            "metalmoe devices", "metalmoe devices --json") { Json };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var devices = DeviceCatalog.List();
        using var output = new StandardOutput();
        if (parsed.GetValue(Json))
        {
            var json = new DevicesJson(
                [.. devices.Select(d => new DeviceJson(d.Name, d.IsAvailable, d.Description))]);
            output.WriteLine(JsonSerializer.Serialize(json, CliJson.Readable.DevicesJson));
        }
        else
        {
            foreach (var device in devices)
            {
                string state = device.IsAvailable ? "available" : "not available";
                output.WriteLine($"{device.Name,-10} {state,-14} {device.Description}");
            }
        }
        output.Flush();
        return 0;
    }
}
