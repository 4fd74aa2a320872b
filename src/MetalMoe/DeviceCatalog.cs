using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu;
using MetalMoe.Metal;

namespace MetalMoe;

/// <summary>A device by name, and whether it can be used here.</summary>
/// <param name="Name">Name as on the command line.</param>
/// <param name="IsAvailable">True when a model can be loaded on it.</param>
/// <param name="Description">What it is, or why it is not available.</param>
public sealed record DeviceInfo(string Name, bool IsAvailable, string Description);

/// <summary>The places where a model can run.</summary>
public static class DeviceCatalog
{
    /// <summary>The device used when none is named.</summary>
    public const string Default = "cpu";

    /// <summary>All devices this version knows, available or not.</summary>
    public static IReadOnlyList<DeviceInfo> List()
    {
        using var cpu = new CpuDevice(new CpuDeviceOptions());
        return
        [
            new DeviceInfo(cpu.Name, true, cpu.Description),
            Metal("metal", "needs macOS on Apple Silicon"),
            Metal("softmetal", "stands in for Metal on Linux; here is the real one"),
        ];
    }

    /// <summary>Opens a device.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="threads">Threads of the CPU device, 0 for all processors.</param>
    /// <exception cref="MetalMoeException">The device is unknown or not available.</exception>
    public static IDevice Open(string name, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == Default)
        {
            return new CpuDevice(new CpuDeviceOptions { Threads = threads });
        }
        if (name == MetalDevice.PlatformName)
        {
            try
            {
                return new MetalDevice();
            }
            catch (MetalException error)
            {
                throw new MetalMoeException(
                    $"[device] {name}: not available: {error.Message}", error);
            }
        }
        var devices = List();
        var device = devices.FirstOrDefault(d => d.Name == name)
            ?? throw new MetalMoeException(
                $"[device] {name}: expected one of {string.Join(", ", devices.Select(d => d.Name))}"
                );
        throw new MetalMoeException($"[device] {name}: not available: {device.Description}");
    }

    private static DeviceInfo Metal(string name, string elsewhere)
    {
        if (name != MetalDevice.PlatformName)
        {
            return new DeviceInfo(name, false, elsewhere);
        }
        try
        {
            using var device = new MetalDevice();
            return new DeviceInfo(name, true, device.Description);
        }
        catch (MetalException error)
        {
            return new DeviceInfo(name, false, error.Message.ReplaceLineEndings(" "));
        }
    }
}
