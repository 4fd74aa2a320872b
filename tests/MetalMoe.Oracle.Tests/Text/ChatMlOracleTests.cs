using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Text;

/// <summary>The built-in ChatML prompts against the template that Qwen3.5 ships.</summary>
public sealed class ChatMlOracleTests
{
    private static readonly string[] Words =
    [
        "Why?", " A long\nanswer. ", "", "<think>\nhm\n</think>\n\nSo.", "so\n</think>\nYes",
        "<think>a</think><think>b</think>c", "\n\tindented\n", "<|im_end|>", "北京 🐋",
    ];

    [Test]
    public void Random_conversations_render_like_the_model_s_own_template()
    {
        Peers.Require();
        string path = Path.Combine(
            Peers.LlamaSource, "models", "templates", "Qwen3.5-4B.jinja");
        var theirs = new JinjaChatTemplate(
            JinjaTemplate.Parse(File.ReadAllText(path), "Qwen3.5-4B.jinja"));
        var random = new Random(17);
        const int Count = 3000;
        for (int i = 0; i < Count; i++)
        {
            var messages = Conversation(random);
            var options = new ChatTemplateOptions
            {
                AddGenerationPrompt = random.Next(4) > 0,
                EnableThinking = random.Next(3) switch { 0 => null, 1 => true, _ => false },
            };
            Assert.That(ChatMlTemplate.Instance.Render(messages, options),
                Is.EqualTo(theirs.Render(messages, options)), $"conversation {i}");
        }
        TestContext.Out.WriteLine($"ChatML: {Count} conversations equal");
    }

    private static List<ChatMessage> Conversation(Random random)
    {
        var messages = new List<ChatMessage>();
        if (random.Next(2) == 0)
        {
            messages.Add(new ChatMessage("system", Pick(random)));
        }
        messages.Add(new ChatMessage("user", Pick(random)));
        for (int turns = random.Next(6); turns > 0; turns--)
        {
            string role = random.Next(3) switch { 0 => "user", 1 => "tool", _ => "assistant" };
            messages.Add(new ChatMessage(role, Pick(random))
            {
                ReasoningContent = role == "assistant" && random.Next(3) == 0
                    ? Pick(random) : null,
            });
        }
        return messages;
    }

    private static string Pick(Random random) => Words[random.Next(Words.Length)];
}
