using System.Buffers;
using System.Text;

namespace MetalMoe.Core.Text;

/// <summary>
/// Turns tokens into text as they come. A character whose bytes are spread over several tokens
/// is held back until it is whole, so every piece is valid text and the pieces joined are what
/// decoding all tokens at once gives. One instance serves one stream.
/// </summary>
public sealed class StreamingDetokenizer
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _includeControl;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    internal StreamingDetokenizer(Tokenizer tokenizer, bool includeControl)
    {
        _tokenizer = tokenizer;
        _includeControl = includeControl;
    }

    /// <summary>Takes a token and writes the text that it completes.</summary>
    /// <param name="token">Token id.</param>
    /// <param name="destination">Where the text goes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of the vocabulary.</exception>
    public void Append(int token, IBufferWriter<char> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Write(_tokenizer.ShownBytes(token, _includeControl), destination, flush: false);
    }

    /// <summary>Takes a token and returns the text that it completes; often empty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of the vocabulary.</exception>
    public string Append(int token)
    {
        var bytes = _tokenizer.ShownBytes(token, _includeControl);
        return bytes.IsEmpty ? "" : Write(bytes, flush: false);
    }

    /// <summary>Ends the stream: an unfinished character becomes U+FFFD. The instance can then
    /// be used for another stream.</summary>
    public void Flush(IBufferWriter<char> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Write([], destination, flush: true);
    }

    /// <summary>Ends the stream and returns what was held back.</summary>
    public string Flush() => Write([], flush: true);

    private void Write(ReadOnlySpan<byte> bytes, IBufferWriter<char> destination, bool flush)
    {
        var space = destination.GetSpan(Encoding.UTF8.GetMaxCharCount(bytes.Length));
        destination.Advance(_decoder.GetChars(bytes, space, flush));
    }

    private string Write(ReadOnlySpan<byte> bytes, bool flush)
    {
        const int OnStack = 256;
        int most = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        Span<char> space = most <= OnStack ? stackalloc char[OnStack] : new char[most];
        return new string(space[.._decoder.GetChars(bytes, space, flush)]);
    }
}
