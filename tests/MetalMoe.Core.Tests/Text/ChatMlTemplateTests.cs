using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

public sealed class ChatMlTemplateTests
{
    private static readonly ChatMessage Question = new("user", " Why? ");

    [TestCase(null, "<think>\n")]
    [TestCase(true, "<think>\n")]
    [TestCase(false, "<think>\n\n</think>\n\n")]
    public void Prompt_ends_where_the_assistant_begins(bool? thinking, string end)
    {
        string prompt = Render([new("system", "Be brief."), Question],
            new ChatTemplateOptions { EnableThinking = thinking });
        Assert.That(prompt, Is.EqualTo("<|im_start|>system\nBe brief.<|im_end|>\n"
            + "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n" + end));
    }

    [Test]
    public void Thoughts_before_the_last_question_are_left_out()
    {
        string prompt = Render(
            [
                Question, new("assistant", "<think>\nhm\n</think>\n\nSo."),
                Question, new("assistant", "Yes.") { ReasoningContent = "again" },
            ],
            new ChatTemplateOptions { AddGenerationPrompt = false });
        Assert.That(prompt, Is.EqualTo("<|im_start|>user\nWhy?<|im_end|>\n"
            + "<|im_start|>assistant\nSo.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
            + "<|im_start|>assistant\n<think>\nagain\n</think>\n\nYes.<|im_end|>\n"));
    }

    [Test]
    public void Tool_results_that_follow_each_other_share_one_turn()
    {
        string prompt = Render(
            [Question, new("assistant", "Looking."), new("tool", "1"), new("tool", "2")],
            new ChatTemplateOptions { AddGenerationPrompt = false });
        Assert.That(prompt, Does.EndWith("<|im_start|>user\n<tool_response>\n1\n</tool_response>"
            + "\n<tool_response>\n2\n</tool_response><|im_end|>\n"));
    }

    [Test]
    public void Conversation_out_of_order_is_refused_in_one_line()
    {
        var options = new ChatTemplateOptions();
        Assert.That(() => Render([Question, new("system", "late")], options),
            Throws.InstanceOf<ChatTemplateException>().With.Message.Contains("beginning"));
        Assert.That(() => Render([new("robot", "beep")], options),
            Throws.InstanceOf<ChatTemplateException>().With.Message.Contains("role"));
    }

    private static string Render(ChatMessage[] messages, ChatTemplateOptions options) =>
        ChatMlTemplate.Instance.Render(messages, options);
}
