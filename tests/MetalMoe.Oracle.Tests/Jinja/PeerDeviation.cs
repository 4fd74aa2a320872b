using System.Text.RegularExpressions;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>
/// A way in which @huggingface/jinja is known to differ from Jinja2, which is what templates are
/// written for and what we follow. A difference that no entry explains is a failure, and so is an
/// entry that explains nothing; where Python is at hand, Jinja2 itself confirms our side of each.
/// </summary>
internal sealed record PeerDeviation(string Reason, Func<TemplateCase, Outcome, Outcome, bool> Fits)
{
    public static readonly PeerDeviation[] Known =
    [
        PeerRaises("has each filter for some types only; Jinja2's filters take any value",
            @"^(Cannot apply filter|Unknown \w+ filter)"),
        PeerRaises("refuses to walk through undefined, which is empty in Jinja2",
            @"^Expected iterable or object type in for loop: got UndefinedValue"),
        PeerRaises("has no `in` or `~` with undefined or none",
            @"^Cannot perform operation "),
        PeerRaises("allows only strings as dict keys", "^Object keys must be strings"),
        PeerRaises("does not unpack what dictsort or a tuple literal gives in a loop",
            "^Cannot unpack non-iterable type: TupleValue"),
        PeerRaises("takes the key `items` for `.items()`, and has no str.format",
            "^Cannot call something that is not a function: got (ObjectValue|UndefinedValue)"),
        WeRaise("gives undefined for an attribute of undefined: `messages[0].role` of no messages",
            "has no element"),
        WeRaise("adds anything to a string; Python's + refuses a list or a dict",
            @"unsupported operand type\(s\) for \+: 'str' and '(list|dict)'"),
        WeRaise("writes undefined as JSON null, and has no generators",
            "Object of type (Undefined|generator) is not JSON serializable"),
        TextsDiffer("prints a list or a dict as JSON instead of as Python does",
            ["content parts", "reasoning and tools", "tool call", "tool call with null content",
                "tool result without a call", "tools offered", "tools offered with system"],
            "CohereForAI-c4ai-command-r7b-12-2024-tool_use", "LFM2.5-8B-A1B", "Qwen3-Coder",
            "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "deepseek-ai-DeepSeek-V4",
            "deepseek-ai-DeepSeek-V4-Flash-0731"),
        TextsDiffer("prints none as nothing instead of as None",
            ["tool call with null content"], "GLM-4.6", "GLM-4.7-Flash", "MiniMax-M2"),
        TextsDiffer("ignores the characters given to lstrip",
            ["markup and whitespace"], "HuggingFaceTB-SmolLM3-3B", "Qwen-QwQ-32B"),
    ];

    private static PeerDeviation PeerRaises(string reason, string pattern) => new(
        reason,
        (_, ours, peer) => ours.Text is not null && peer.Error is not null
            && Regex.IsMatch(peer.Error, pattern));

    private static PeerDeviation WeRaise(string reason, string pattern) => new(
        reason,
        (_, ours, peer) => ours.Error is not null && peer.Text is not null
            && Regex.IsMatch(ours.Error, pattern));

    private static PeerDeviation TextsDiffer(
        string reason, string[] conversations, params string[] templates) => new(
            reason,
            (one, ours, peer) => ours.Text is not null && peer.Text is not null
                && templates.Contains(one.Template) && conversations.Contains(one.Conversation));
}
