namespace MetalMoe.Core.Text;

/// <summary>
/// Tokens that files do not mark as what they are and that are known by their text alone.
/// Source: the lists by which llama.cpp recognises them.
/// </summary>
internal static class SpecialTokenNames
{
    /// <summary>Roles of fill-in-the-middle tokens: the metadata key and the names; the last
    /// three kinds also end a generation.</summary>
    public static readonly (string Key, bool EndsGeneration, string[] Names)[] FillInTheMiddle =
    [
        ("fim_pre", false, ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
            "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"]),
        ("fim_suf", false, ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
            "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"]),
        ("fim_mid", false, ["<|fim_middle|>", "<fim-middle>", "<fim_middle>",
            "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"]),
        ("fim_pad", true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
        ("fim_rep", true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>",
            "<reponame>"]),
        ("fim_sep", true, ["<|file_sep|>"]),
    ];

    /// <summary>Tokens that end a generation wherever they exist.</summary>
    public static readonly string[] EndOfGeneration =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>",
        "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>",
        "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>",
        "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
    ];

    /// <summary>Marks of structure that are always shown.</summary>
    public static readonly string[] AlwaysShown =
        ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];
}
