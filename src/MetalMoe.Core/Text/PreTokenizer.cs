namespace MetalMoe.Core.Text;

/// <summary>What a value of <c>tokenizer.ggml.pre</c> means.</summary>
/// <param name="Kind">How text is split.</param>
/// <param name="WholeWordsFirst">A word that is a token is taken as that token even where the
/// merges would not build it.</param>
/// <param name="AddsBos">A text starts with BOS unless the file says otherwise.</param>
internal readonly record struct PreTokenizer(
    PreTokenizerKind Kind, bool WholeWordsFirst = false, bool AddsBos = false)
{
    private static readonly PreTokenizer Gpt2 = new(PreTokenizerKind.Gpt2);
    private static readonly PreTokenizer Llama3 = new(PreTokenizerKind.Llama3);
    private static readonly PreTokenizer Qwen2 = new(PreTokenizerKind.Qwen2);
    private static readonly PreTokenizer Qwen35 = new(PreTokenizerKind.Qwen35);
    private static readonly PreTokenizer WholeWordLlama3 =
        new(PreTokenizerKind.Llama3, WholeWordsFirst: true, AddsBos: true);

    /// <summary>The pre-tokenizer of a name, or null. Names that llama.cpp gives the same
    /// expression are aliases.</summary>
    public static PreTokenizer? Find(string name) => name switch
    {
        "qwen35" => Qwen35,
        "qwen2" or "deepseek-r1-qwen" or "kormo" or "f2llmv2" or "megrez" or "stablelm2"
            or "hunyuan" or "solar-open" => Qwen2,
        "gpt-2" or "phi-2" or "jina-es" or "jina-de" or "jina-v2-es" or "jina-v2-de"
            or "jina-v1-en" or "jina-v2-code" or "roberta-bpe" or "gigachat" or "a.x-4.0"
            or "mellum" or "modern-bert" or "exaone4" or "mpt" or "olmo" or "jais"
            or "trillion" or "granite-docling" => Gpt2,
        "llama-bpe" or "llama3" or "llama-v3" or "falcon3" or "falcon-h1" or "pixtral"
            or "midm-2.0" or "lfm2" or "jina-v5-nano" => WholeWordLlama3,
        "dbrx" or "smaug-bpe" or "glm4" or "chatglm-bpe" => Llama3,
        _ => null,
    };
}
