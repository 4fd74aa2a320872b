using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using MetalMoe.Core.Quants;

namespace MetalMoe.Testing;

/// <summary>
/// The BF16 file that the numbers of <c>tests/data/golden.json</c> were computed on. It is twice
/// the size of its Q8_0 sibling in <c>models/</c> and differs from it by a few bits a weight, so
/// only the difference is kept, and the file is rebuilt here byte for byte when a test asks.
/// <code>
/// delta   8 bytes  "MMDELTA1"
///        32 bytes  SHA-256 of the base, models/tiny-qwen35moe-q8_0.gguf
///        32 bytes  SHA-256 of the rebuilt file
///         8 bytes  length of the rebuilt file
///        four streams, each: uint32 raw length, uint32 packed length, Brotli data
///          0 segments   int64 kind, int64 offset in the base, int64 count
///          1 literals   the bytes of the Literal segments
///          2, 3         low and high bytes of the Predicted weights' distances
/// </code>
/// The segments make up the file in order: Literal takes count bytes of stream 1, Copied takes
/// count bytes of the base, Predicted makes count BF16 weights from Q8_0 blocks of the base.
/// A weight's distance is counted in steps from one BF16 number to the next, starting at the one
/// nearest to the Q8_0 value, and stored zigzag. How far it can be depends on how many BF16
/// numbers lie in one Q8_0 step, which the quant's magnitude and the leading mantissa bits of
/// the Q8_0 value tell, so each plane is sorted into groups of equal quant and mantissa, and
/// keeps file order inside a group.
/// </summary>
public static class GoldenModel
{
    /// <summary>Groups of the distance planes: quants of magnitude 0 to 128, each with eight
    /// ranges of the mantissa.</summary>
    internal const int Groups = 129 * 8;

    /// <summary>Values and bytes of a Q8_0 block.</summary>
    internal const int BlockSize = 32;

    /// <summary>Bytes of a Q8_0 block.</summary>
    internal const int BlockBytes = 34;

    /// <summary>The first bytes of a delta file.</summary>
    internal static ReadOnlySpan<byte> Magic => "MMDELTA1"u8;

    private static readonly Lazy<string> Rebuilt = new(RebuildOnce);

    /// <summary>Where a piece of the rebuilt file comes from.</summary>
    internal enum SegmentKind : long
    {
        /// <summary>Bytes kept in the delta.</summary>
        Literal,

        /// <summary>Bytes of the base.</summary>
        Copied,

        /// <summary>BF16 weights told as distances from Q8_0 blocks of the base.</summary>
        Predicted,
    }

    /// <summary>The folder that holds <c>MetalMoe.sln</c>.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <summary>The prompts, logits and traces computed on this model.</summary>
    public static string GoldenJson => Path.Combine(RepositoryRoot, "tests/data/golden.json");

    /// <summary>The bundled Q8_0 model.</summary>
    internal static string BasePath =>
        Path.Combine(RepositoryRoot, "models/tiny-qwen35moe-q8_0.gguf");

    /// <summary>The committed difference.</summary>
    internal static string DeltaPath =>
        Path.Combine(RepositoryRoot, "tests/data/tiny-qwen35moe-bf16.delta");

    /// <summary>
    /// Path of the BF16 model, rebuilt beside the test assembly on first use and kept there.
    /// </summary>
    /// <exception cref="InvalidDataException">Base, delta or result is not the right file.
    /// </exception>
    public static string Rebuild() => Rebuilt.Value;

    /// <summary>The rebuilt file's bytes, checked against the digest in the delta.</summary>
    internal static byte[] Apply(byte[] baseFile, byte[] delta)
    {
        if (!delta.AsSpan(0, 8).SequenceEqual(Magic))
        {
            throw new InvalidDataException("[golden] delta: expected MMDELTA1 at its start");
        }
        RequireDigest("base", baseFile, delta.AsSpan(8, 32));
        var result = new byte[BinaryPrimitives.ReadInt64LittleEndian(delta.AsSpan(72))];
        ReadOnlySpan<byte> rest = delta.AsSpan(80);
        byte[] segments = Unpack(ref rest);
        byte[] literals = Unpack(ref rest);
        var distances = new Distances(Unpack(ref rest), Unpack(ref rest));
        distances.Start(baseFile, segments);
        int written = 0;
        int literal = 0;
        foreach (var (kind, offset, count) in Segments(segments))
        {
            switch (kind)
            {
                case SegmentKind.Literal:
                    literals.AsSpan(literal, count).CopyTo(result.AsSpan(written));
                    literal += count;
                    written += count;
                    break;
                case SegmentKind.Copied:
                    baseFile.AsSpan(offset, count).CopyTo(result.AsSpan(written));
                    written += count;
                    break;
                default:
                    distances.Apply(baseFile.AsSpan(offset), result.AsSpan(written, 2 * count));
                    written += 2 * count;
                    break;
            }
        }
        RequireDigest("rebuilt file", result, delta.AsSpan(40, 32));
        return result;
    }

    /// <summary>The segment table, read.</summary>
    internal static IEnumerable<(SegmentKind Kind, int Offset, int Count)> Segments(byte[] table)
    {
        for (int i = 0; i < table.Length; i += 24)
        {
            yield return (
                (SegmentKind)BinaryPrimitives.ReadInt64LittleEndian(table.AsSpan(i)),
                (int)BinaryPrimitives.ReadInt64LittleEndian(table.AsSpan(i + 8)),
                (int)BinaryPrimitives.ReadInt64LittleEndian(table.AsSpan(i + 16)));
        }
    }

    /// <summary>
    /// Place of a BF16 bit pattern on the line of all patterns from most negative to most
    /// positive; -0 and +0 are neighbours there.
    /// </summary>
    internal static ushort ToLine(ushort bits) =>
        (ushort)((bits & 0x8000) != 0 ? ~bits : bits | 0x8000);

    /// <summary>The BF16 bit pattern at a place on the line.</summary>
    internal static ushort FromLine(ushort place) =>
        (ushort)((place & 0x8000) != 0 ? place & 0x7FFF : ~place);

    /// <summary>Place on the line of the BF16 nearest to value i of a Q8_0 block.</summary>
    internal static ushort PredictedPlace(ReadOnlySpan<byte> block, int i) =>
        ToLine(Predicted(block, i));

    /// <summary>The group of value i of a Q8_0 block.</summary>
    internal static int GroupOf(ReadOnlySpan<byte> block, int i)
    {
        int leadingMantissa = (Predicted(block, i) >> 4) & 7;
        return 8 * Math.Abs((int)(sbyte)block[2 + i]) + leadingMantissa;
    }

    private static ushort Predicted(ReadOnlySpan<byte> block, int i)
    {
        float d = (float)BinaryPrimitives.ReadHalfLittleEndian(block);
        return Bf16.FromSingle((sbyte)block[2 + i] * d);
    }

    private static byte[] Unpack(ref ReadOnlySpan<byte> rest)
    {
        var raw = new byte[BinaryPrimitives.ReadUInt32LittleEndian(rest)];
        int packed = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        if (!BrotliDecoder.TryDecompress(rest.Slice(8, packed), raw, out int written)
            || written != raw.Length)
        {
            throw new InvalidDataException("[golden] delta: a Brotli stream is damaged");
        }
        rest = rest[(8 + packed)..];
        return raw;
    }

    private static void RequireDigest(string what, byte[] bytes, ReadOnlySpan<byte> digest)
    {
        byte[] actual = SHA256.HashData(bytes);
        if (!digest.SequenceEqual(actual))
        {
            throw new InvalidDataException(
                $"[golden] {what}: expected SHA-256 {Convert.ToHexStringLower(digest)}, " +
                $"got {Convert.ToHexStringLower(actual)}");
        }
    }

    private static string RebuildOnce()
    {
        byte[] delta = File.ReadAllBytes(DeltaPath);
        string path = Path.Combine(AppContext.BaseDirectory, "tiny-qwen35moe-bf16.gguf");
        if (File.Exists(path)
            && SHA256.HashData(File.ReadAllBytes(path)).AsSpan()
                .SequenceEqual(delta.AsSpan(40, 32)))
        {
            return path;
        }
        // Another test process may be doing the same: write aside, then move into place.
        string draft = $"{path}.{Environment.ProcessId}";
        File.WriteAllBytes(draft, Apply(File.ReadAllBytes(BasePath), delta));
        File.Move(draft, path, overwrite: true);
        return path;
    }

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory);
            folder is not null;
            folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MetalMoe.sln")))
            {
                return folder.FullName;
            }
        }
        throw new DirectoryNotFoundException($"no MetalMoe.sln above {AppContext.BaseDirectory}");
    }

    /// <summary>Walks the two distance planes, one reading position for each group.</summary>
    private sealed class Distances(byte[] low, byte[] high)
    {
        private readonly int[] _next = new int[Groups];

        /// <summary>Counts the groups' sizes, which tell where each of them starts.</summary>
        public void Start(byte[] baseFile, byte[] segments)
        {
            var sizes = new int[Groups];
            foreach (var (kind, offset, count) in Segments(segments))
            {
                if (kind != SegmentKind.Predicted)
                {
                    continue;
                }
                for (int i = 0; i < count; i++)
                {
                    int block = offset + i / BlockSize * BlockBytes;
                    sizes[GroupOf(baseFile.AsSpan(block), i % BlockSize)]++;
                }
            }
            for (int group = 1; group < Groups; group++)
            {
                _next[group] = _next[group - 1] + sizes[group - 1];
            }
        }

        public void Apply(ReadOnlySpan<byte> blocks, Span<byte> weights)
        {
            for (int i = 0; i < weights.Length / 2; i++)
            {
                ReadOnlySpan<byte> block = blocks.Slice(i / BlockSize * BlockBytes, BlockBytes);
                int at = _next[GroupOf(block, i % BlockSize)]++;
                int zigzag = low[at] | (high[at] << 8);
                int distance = (zigzag >> 1) ^ -(zigzag & 1);
                ushort place = (ushort)(PredictedPlace(block, i % BlockSize) + distance);
                BinaryPrimitives.WriteUInt16LittleEndian(weights[(2 * i)..], FromLine(place));
            }
        }
    }
}
