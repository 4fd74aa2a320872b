namespace MetalMoe.Core.Text;

/// <summary>What a token stands for; the values are those of <c>tokenizer.ggml.token_type</c>.
/// </summary>
public enum TokenKind
{
    /// <summary>A piece of text in the byte alphabet.</summary>
    Normal = 1,

    /// <summary>Stands for text that has no token.</summary>
    Unknown = 2,

    /// <summary>A mark of structure, never produced from plain text.</summary>
    Control = 3,

    /// <summary>A literal text that is always one token.</summary>
    UserDefined = 4,

    /// <summary>Padding of the vocabulary; stands for nothing.</summary>
    Unused = 5,

    /// <summary>One byte, written <c>&lt;0xHH&gt;</c>.</summary>
    Byte = 6,
}
