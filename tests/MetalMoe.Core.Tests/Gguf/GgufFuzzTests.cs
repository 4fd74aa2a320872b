using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using MetalMoe.Core.Gguf;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Gguf;

/// <summary>
/// Damaged copies of valid files: each is refused with a <see cref="GgufException"/>, or loads
/// and lets every key and tensor be read. METALMOE_FUZZ_FACTOR multiplies the number of mutants.
/// </summary>
public sealed class GgufFuzzTests
{
    private const int MutantsPerFile = 7000;

    /// <summary>Managed bytes that a file may cost, a multiple of its length and a constant.
    /// A key of 13 bytes becomes a string, a dictionary entry and a text of its value.</summary>
    private const int BytesPerByte = 48;

    private const int BytesAlways = 256 << 10;

    private static readonly ulong[] s_interesting =
    [
        0, 1, 2, 8, 9, 12, 13, 31, 33, 127, 128, 255, 256, 65535, 1 << 20, int.MaxValue,
        uint.MaxValue, 1UL << 32, 1UL << 40, 1UL << 62, long.MaxValue, 1UL << 63, ulong.MaxValue,
        ulong.MaxValue - 31,
    ];

    private static IEnumerable<TestCaseData> Files()
    {
        yield return new TestCaseData(SampleFiles.AllTypes(3), 11)
            .SetArgDisplayNames("every value type");
        yield return new TestCaseData(SampleFiles.TinyModel("q8_0"), 12)
            .SetArgDisplayNames("tiny model, q8_0");
        yield return new TestCaseData(SampleFiles.TinyModel("q4_k_m"), 13)
            .SetArgDisplayNames("tiny model, q4_k_m");
    }

    [TestCaseSource(nameof(Files))]
    public void Mutants_are_refused_or_read_whole(byte[] valid, int seed)
    {
        using var folder = new TestFolder();
        string path = folder.Write("valid.gguf", valid);
        int header = (int)HeaderBytes(path);
        var random = new Random(seed);
        var figures = new Figures();
        int mutants = MutantsPerFile * Factor();
        for (int i = 0; i < mutants; i++)
        {
            byte[] mutant = Mutate(valid, header, random);
            File.WriteAllBytes(path, mutant);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long started = Stopwatch.GetTimestamp();
            bool loaded = OpenAndReadAll(path, i);
            TimeSpan took = Stopwatch.GetElapsedTime(started);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            figures.Add(loaded, took, allocated);
            Assert.That(
                allocated, Is.LessThan(BytesAlways + ((long)BytesPerByte * mutant.Length)),
                $"mutant {i} of {mutant.Length} bytes");
        }
        TestContext.Out.WriteLine(
            $"{mutants} mutants of {valid.Length} bytes (header {header}): {figures}");
        Assert.That(figures.Refused, Is.GreaterThan(mutants / 10));
        Assert.That(figures.Loaded, Is.GreaterThan(0));
    }

    private static int Factor() => int.TryParse(
        Environment.GetEnvironmentVariable("METALMOE_FUZZ_FACTOR"), NumberStyles.None,
        CultureInfo.InvariantCulture, out int factor) ? Math.Max(1, factor) : 1;

    private static long HeaderBytes(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return file.Tensors.Min(t => t.FileOffset);
    }

    private static byte[] Mutate(byte[] valid, int header, Random random)
    {
        var mutant = new List<byte>(valid);
        int edits = random.Next(4) == 0 ? random.Next(2, 6) : 1;
        for (int i = 0; i < edits; i++)
        {
            Edit(mutant, Math.Min(header, mutant.Count), random);
        }
        return [.. mutant];
    }

    private static void Edit(List<byte> bytes, int header, Random random)
    {
        if (header == 0)
        {
            return;
        }
        int at = random.Next(header);
        int length = Math.Min(random.Next(1, 40), bytes.Count - at);
        switch (random.Next(7))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2 or 3:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(
                    number, s_interesting[random.Next(s_interesting.Length)]);
                int width = Math.Min(random.Next(2) == 0 ? 4 : 8, bytes.Count - at);
                for (int i = 0; i < width; i++)
                {
                    bytes[at + i] = number[i];
                }
                break;
            case 4:
                bytes.RemoveRange(at, length);
                break;
            case 5:
                bytes.InsertRange(random.Next(header), bytes.GetRange(at, length));
                break;
            default:
                int kept = random.Next(bytes.Count);
                bytes.RemoveRange(kept, bytes.Count - kept);
                break;
        }
    }

    /// <summary>True when the file loaded and all of it was read.</summary>
    private static bool OpenAndReadAll(string path, int mutant)
    {
        try
        {
            using GgufFile file = GgufFile.Open(path);
            ReadKeys(file.Metadata);
            ReadTensors(file);
            return true;
        }
        catch (GgufException)
        {
            return false;
        }
        catch (Exception e)
        {
            throw new AssertionException($"mutant {mutant}: {e}");
        }
    }

    private static void ReadKeys(GgufMetadata metadata)
    {
        foreach (var (key, value) in metadata.Values)
        {
            metadata.Display(key);
            if (value.Type != GgufValueType.Array)
            {
                continue;
            }
            switch (value.ElementType)
            {
                case GgufValueType.String:
                    metadata.GetByteStringArray(key);
                    break;
                case GgufValueType.Bool:
                    metadata.GetBoolArray(key);
                    break;
                case GgufValueType.Float32 or GgufValueType.Float64:
                    metadata.GetFloat32Array(key);
                    break;
                case GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Int16
                    or GgufValueType.UInt16 or GgufValueType.Int32:
                    metadata.GetInt32Array(key);
                    break;
            }
        }
    }

    private static unsafe void ReadTensors(GgufFile file)
    {
        foreach (GgufTensor tensor in file.Tensors)
        {
            var bytes = new ReadOnlySpan<byte>(
                (void*)tensor.Address, checked((int)tensor.ByteCount));
            // Every page is touched: outside the mapping this would end the process.
            int last = bytes.LastIndexOfAnyExcept((byte)0x5a);
            Assert.That(last, Is.LessThan(bytes.Length));
            int sum = 0;
            for (int i = 0; i < bytes.Length; i += 512)
            {
                sum += bytes[i];
            }
            Assert.That(sum, Is.GreaterThanOrEqualTo(0));
        }
    }

    private sealed class Figures
    {
        private TimeSpan _slowest;
        private long _largest;

        public int Loaded { get; private set; }

        public int Refused { get; private set; }

        public void Add(bool loaded, TimeSpan took, long allocated)
        {
            Loaded += loaded ? 1 : 0;
            Refused += loaded ? 0 : 1;
            _slowest = took > _slowest ? took : _slowest;
            _largest = Math.Max(_largest, allocated);
        }

        public override string ToString() =>
            $"{Refused} refused, {Loaded} loaded, slowest {_slowest.TotalMilliseconds:f1} ms, "
            + $"largest allocation {_largest} bytes";
    }
}
