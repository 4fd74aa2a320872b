using MetalMoe.Chat;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace MetalMoe;

/// <summary>Models among an application's services.</summary>
public static class MetalMoeServiceCollectionExtensions
{
    /// <summary>
    /// Adds a model: <see cref="IChatClient"/> and <see cref="MoeModelSource"/>, both singletons.
    /// Options are checked when the application starts, and the model is loaded then unless
    /// <see cref="MetalMoeOptions.WarmUp"/> is off.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options, at least the path of the model.</param>
    public static IServiceCollection AddMetalMoe(
        this IServiceCollection services, Action<MetalMoeOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddOptions(services, Options.DefaultName, configure);
        services.AddSingleton(provider => NewSource(provider, Options.DefaultName));
        services.AddSingleton<IChatClient>(provider => NewClient(
            provider, provider.GetRequiredService<MoeModelSource>()));
        services.AddSingleton<IHostedService>(provider => NewWarmUp(
            provider, provider.GetRequiredService<MoeModelSource>()));
        return services;
    }

    /// <summary>As above, for one of several models: the services are keyed.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">Key of the services and name of the options.</param>
    /// <param name="configure">Sets the options, at least the path of the model.</param>
    public static IServiceCollection AddKeyedMetalMoe(
        this IServiceCollection services, string serviceKey, Action<MetalMoeOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        ArgumentNullException.ThrowIfNull(configure);
        AddOptions(services, serviceKey, configure);
        services.AddKeyedSingleton(
            serviceKey, (provider, _) => NewSource(provider, serviceKey));
        services.AddKeyedSingleton<IChatClient>(serviceKey, (provider, _) => NewClient(
            provider, provider.GetRequiredKeyedService<MoeModelSource>(serviceKey)));
        services.AddSingleton<IHostedService>(provider => NewWarmUp(
            provider, provider.GetRequiredKeyedService<MoeModelSource>(serviceKey)));
        return services;
    }

    private static void AddOptions(
        IServiceCollection services, string name, Action<MetalMoeOptions> configure)
    {
        services.TryAddEnumerable(ServiceDescriptor
            .Singleton<IValidateOptions<MetalMoeOptions>, MetalMoeOptionsValidator>());
        services.AddOptions<MetalMoeOptions>(name).Configure(configure).ValidateOnStart();
    }

    private static MoeModelSource NewSource(IServiceProvider provider, string name) => new(
        name, provider.GetRequiredService<IOptionsMonitor<MetalMoeOptions>>(),
        Logger<MoeModelSource>(provider));

    private static SourcedChatClient NewClient(
        IServiceProvider provider, MoeModelSource source) =>
        new(source, Logger<MetalMoeChatClient>(provider));

    private static ModelWarmUp NewWarmUp(IServiceProvider provider, MoeModelSource source) =>
        new(source, Logger<MoeModelSource>(provider));

    private static ILogger<T> Logger<T>(IServiceProvider provider) =>
        provider.GetService<ILogger<T>>() ?? NullLogger<T>.Instance;
}
