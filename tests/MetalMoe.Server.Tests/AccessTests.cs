using System.Net.Http.Headers;
using MetalMoe.Core;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

[TestFixture]
public sealed class AccessTests
{
    [TestCase(null, 401)]
    [TestCase("Bearer wrong", 401)]
    [TestCase("Bearer ", 401)]
    [TestCase("Basic secret", 401)]
    [TestCase("Bearer secret", 200)]
    [TestCase("bearer secret", 200)]
    public async Task With_a_key_only_who_knows_it_gets_in(string? header, int status)
    {
        await using var server = await TestServer.StartAsync(
            adjust: o => o with { ApiKey = "secret" });
        foreach (string path in (string[])["/v1/models", "/metrics"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (header is not null)
            {
                request.Headers.TryAddWithoutValidation("Authorization", header);
            }
            using var response = await server.Http.SendAsync(request);
            Assert.That((int)response.StatusCode, Is.EqualTo(status), path);
        }
        Assert.That((await server.GetAsync("/health")).Status, Is.EqualTo(200));
        Assert.That((await server.GetAsync("/")).Status, Is.EqualTo(200));
    }

    [TestCase("evil.example", 421)]
    [TestCase("evil.example:80", 421)]
    [TestCase("192.0.2.1", 421)]
    [TestCase("localhost", 200)]
    [TestCase("127.0.0.1:99", 200)]
    [TestCase("[::1]", 200)]
    public async Task On_loopback_a_foreign_host_name_is_not_served(string host, int status)
    {
        await using var server = await TestServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Host = host;
        using var response = await server.Http.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public async Task Pages_of_other_origins_may_not_call_unless_they_are_named()
    {
        await using var closed = await TestServer.StartAsync();
        await using var open = await TestServer.StartAsync(
            adjust: o => o with { AllowedOrigins = ["http://app.example"], ApiKey = "k" });

        Assert.That(await AllowedOriginAsync(closed, "http://app.example"), Is.Null);
        Assert.That(await AllowedOriginAsync(open, "http://app.example"),
            Is.EqualTo("http://app.example"));
        Assert.That(await AllowedOriginAsync(open, "http://evil.example"), Is.Null);
    }

    [Test]
    public async Task The_page_allows_only_its_own_files_and_is_sent_once()
    {
        await using var server = await TestServer.StartAsync();
        using var page = await server.Http.GetAsync("/");
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();

        Assert.That(policy, Does.StartWith("default-src 'none'; script-src 'self';"));
        Assert.That(page.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(["nosniff"]));
        string html = await page.Content.ReadAsStringAsync();
        Assert.That(html, Does.Not.Contain("http://").And.Not.Contain("https://"));
        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Parse(page.Headers.ETag!.ToString()));
        using var answer = await server.Http.SendAsync(again);
        Assert.That((int)answer.StatusCode, Is.EqualTo(304));
    }

    [Test]
    public async Task Unless_told_it_listens_on_loopback_only()
    {
        await using var server = await TestServer.StartAsync();

        Assert.That(server.Server.Address.Host, Is.EqualTo("127.0.0.1"));
        Assert.That(new ServerOptions().Host, Is.EqualTo("127.0.0.1"));
    }

    [Test]
    public async Task A_port_that_is_taken_is_an_error_of_one_line()
    {
        await using var server = await TestServer.StartAsync();
        var options = new ServerOptions { Port = server.Server.Address.Port };

        var error = Assert.ThrowsAsync<MetalMoeException>(
            () => MetalMoeServer.StartAsync(server.Model, options))!;
        Assert.That(error.Message, Does.StartWith("[server] address:").And.Not.Contain("\n"));
    }

    [TestCase("nowhere", 80)]
    [TestCase("127.0.0.1", 70000)]
    public void Impossible_options_are_refused(string host, int port) => Assert.That(
        () => new ServerOptions { Host = host, Port = port }.Validate(),
        Throws.InstanceOf<MetalMoeException>().With.Message.StartsWith("[server]"));

    private static async Task<string?> AllowedOriginAsync(TestServer server, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/chat/completions");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        using var response = await server.Http.SendAsync(request);
        return response.Headers.TryGetValues("Access-Control-Allow-Origin", out var values)
            ? values.Single() : null;
    }
}
