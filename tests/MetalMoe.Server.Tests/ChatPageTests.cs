using MetalMoe.Core.Runtime.Sampling;
using Microsoft.Playwright;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

/// <summary>The chat page in a browser, used as a person would.</summary>
[TestFixture]
public sealed class ChatPageTests
{
    private const float Patience = 60_000;

    [OneTimeSetUp]
    public void Wait() => Assertions.SetDefaultExpectTimeout(Patience);

    [Test]
    public async Task A_person_asks_stops_asks_again_and_comes_back_after_a_refresh()
    {
        await using var server = await TestServer.StartAsync(sessions: 2, context: 4096,
            adjust: o => o with { Sampling = SamplingOptions.Greedy });
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        var page = await browser.NewPageAsync(new()
        {
            ColorScheme = ColorScheme.Dark,
            ViewportSize = new() { Width = 900, Height = 700 },
        });
        page.SetDefaultTimeout(Patience);
        var problems = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                problems.Add(message.Text);
            }
        };
        page.PageError += (_, error) => problems.Add(error);

        // Typed and sent by keyboard alone; the answer streams in and ends.
        await page.GotoAsync(server.Server.Address.ToString());
        await Assertions.Expect(page.Locator("#model")).ToHaveTextAsync(TestServer.ModelName);
        await page.Keyboard.TypeAsync("Tell me of the sea.");
        await page.Keyboard.PressAsync("Enter");
        var answers = page.Locator(".assistant .text");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("#send")).ToBeVisibleAsync();

        // A second turn, with thoughts shown folded.
        await page.GetByText("think").ClickAsync();
        await page.FillAsync("#input", "Say <b>more</b>, please.");
        await page.Keyboard.PressAsync("Enter");
        var thoughts = page.Locator(".assistant details").Last;
        await Assertions.Expect(thoughts).ToBeVisibleAsync();
        Assert.That(await thoughts.GetAttributeAsync("open"), Is.Null, "thoughts are folded");
        await thoughts.Locator("summary").ClickAsync();
        await Assertions.Expect(thoughts.Locator(".thoughts")).Not.ToBeEmptyAsync();
        // The stop button is there while the answer comes; a short one may have ended by itself.
        await page.EvaluateAsync("document.getElementById('stop').click()");
        await Assertions.Expect(page.Locator("#send")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("#stop")).ToBeHiddenAsync();
        await Assertions.Expect(page.Locator(".user .text").Last)
            .ToHaveTextAsync("Say <b>more</b>, please.");
        await SaveScreenshotAsync(page);

        // What was said is still there after a refresh; a new conversation is empty.
        string[] before = [.. await page.Locator(".message").AllTextContentsAsync()];
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("#model")).ToHaveTextAsync(TestServer.ModelName);
        Assert.That(await page.Locator(".message").AllTextContentsAsync(), Is.EqualTo(before));
        await page.Keyboard.PressAsync("Alt+n");
        Assert.That(await page.Locator(".message").CountAsync(), Is.Zero);
        await page.Keyboard.TypeAsync("A last question");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(answers.First).Not.ToBeEmptyAsync();
        await Assertions.Expect(page.Locator("#speed")).ToContainTextAsync("tokens/s");

        Assert.That(problems, Is.Empty);
        await page.CloseAsync();
        await server.BecomeIdleAsync();
    }

    [Test]
    public async Task A_server_with_a_key_asks_for_it()
    {
        await using var server = await TestServer.StartAsync(
            adjust: o => o with { ApiKey = "open" });
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        var page = await browser.NewPageAsync();
        page.SetDefaultTimeout(Patience);
        await page.GotoAsync(server.Server.Address.ToString());
        await page.FillAsync("#key", "open");
        await page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(page.Locator("#model")).ToHaveTextAsync(TestServer.ModelName);
    }

    private static async Task SaveScreenshotAsync(IPage page)
    {
        string path = Path.Combine(TestServer.Root, "artifacts", "chat-page.png");
        await page.ScreenshotAsync(new() { Path = path });
        TestContext.Out.WriteLine("chat page: screenshot in artifacts/chat-page.png");
    }

    private static async Task<IBrowser> LaunchAsync(IPlaywright playwright)
    {
        string? path = ((string[])["chromium", "chromium-browser", "google-chrome"])
            .SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
                .Select(folder => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
        if (path is null)
        {
            Assert.Ignore("no Chromium; remedy: run tests/peers/install-browser.sh");
        }
        try
        {
            return await playwright.Chromium.LaunchAsync(new()
            {
                ExecutablePath = path,
                // Containers give a browser neither a sandbox nor much shared memory.
                Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
                Timeout = Patience,
            });
        }
        catch (PlaywrightException error)
        {
            Assert.Ignore($"{path} does not start here: {error.Message.Split('\n')[0]}");
            throw;
        }
    }
}
