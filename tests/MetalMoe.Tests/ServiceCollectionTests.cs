using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class ServiceCollectionTests
{
    [Test]
    public async Task A_host_starts_with_a_warm_model_and_ends_without_one()
    {
        MoeModel model;
        using (var host = Build(services => services.AddMetalMoe(Tiny)))
        {
            var source = host.Services.GetRequiredService<MoeModelSource>();
            Assert.That(source.Current, Is.Null);
            await host.StartAsync();
            model = source.Current!;
            var client = host.Services.GetRequiredService<IChatClient>();
            var response = await client.GetResponseAsync("Hi", new() { MaxOutputTokens = 3 });

            Assert.That(model, Is.Not.Null);
            Assert.That(response.ModelId, Is.EqualTo("tiny"));
            Assert.That(client.GetService<MoeModel>(), Is.SameAs(model));
            Assert.That(client.GetService<MoeModelSource>(), Is.SameAs(source));
            Assert.That(client.GetService<IChatClient>(), Is.SameAs(client));
            await host.StopAsync();
        }
        Assert.That(model.CreateSession, Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task Without_warm_up_the_first_request_loads_the_model()
    {
        using var host = Build(services => services.AddMetalMoe(options =>
        {
            Tiny(options);
            options.WarmUp = false;
        }));
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IChatClient>();
        Assert.That(client.GetService<MoeModel>(), Is.Null);
        Assert.That(client.GetService<ChatClientMetadata>()!.DefaultModelId, Is.EqualTo("tiny"));

        var updates = await client.GetStreamingResponseAsync(
            "Hi", new() { MaxOutputTokens = 3 }).ToListAsync();

        Assert.That(updates[^1].FinishReason, Is.Not.Null);
        Assert.That(client.GetService<MoeModel>(), Is.Not.Null);
    }

    [Test]
    public async Task Several_models_are_told_apart_by_their_keys()
    {
        using var host = Build(services => services
            .AddKeyedMetalMoe("a", Tiny)
            .AddKeyedMetalMoe("b", options =>
            {
                Tiny(options);
                options.ModelId = "other";
                options.ContextLength = 32;
            }));
        await host.StartAsync();
        var a = host.Services.GetRequiredKeyedService<IChatClient>("a");
        var b = host.Services.GetRequiredKeyedService<IChatClient>("b");

        Assert.That(host.Services.GetService<IChatClient>(), Is.Null);
        Assert.That(a.GetService<MoeModel>()!.ContextLength, Is.EqualTo(256));
        Assert.That(b.GetService<MoeModel>()!.ContextLength, Is.EqualTo(32));
        Assert.That(b.GetService<ChatClientMetadata>()!.DefaultModelId, Is.EqualTo("other"));
    }

    [Test]
    public void Impossible_options_stop_the_start_with_all_reasons()
    {
        using var host = Build(services => services.AddMetalMoe(options =>
        {
            options.ModelPath = "no/such.gguf";
            options.Device = "abacus";
            options.MaxSessions = 0;
            options.Defaults = new GenerationOptions { MaxTokens = 0 };
        }));

        var error = Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.That(error!.Failures, Has.Exactly(4).Items);
        Assert.That(error.Message, Does.Contain("no/such.gguf").And.Contain("abacus")
            .And.Contain("sessions").And.Contain("max tokens"));
    }

    [Test]
    public void A_model_that_cannot_be_loaded_stops_the_start_and_is_logged()
    {
        var logger = new Chat.ListLogger<MoeModelSource>();
        using var host = Build(services => services
            .AddSingleton<ILogger<MoeModelSource>>(logger)
            .AddMetalMoe(options => options.ModelPath = Path.Combine(
                Path.GetDirectoryName(TinyModel.Path)!, "README.md")));

        Assert.That(() => host.StartAsync(), Throws.InstanceOf<Core.MetalMoeException>()
            .With.Message.Contains("GGUF"));
        Assert.That(logger.Entries.Select(e => e.Id.Id), Is.EqualTo((int[])[200, 202]));
    }

    private static void Tiny(MetalMoeOptions options)
    {
        options.ModelPath = TinyModel.Path;
        options.Threads = 1;
        options.ContextLength = 256;
        options.ModelId = "tiny";
    }

    private static IHost Build(Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        add(builder.Services);
        return builder.Build();
    }
}
