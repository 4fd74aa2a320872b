using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Quants;

/// <summary>
/// Makes the delta that <see cref="GoldenModel"/> applies. It reads the tensor tables with a
/// few lines of its own, so that neither side depends on the GGUF reader under test.
/// </summary>
internal static class GoldenModelWriter
{
    private const int F32 = 0;
    private const int Q8 = 8;
    private const int Bf16Type = 30;

    /// <summary>The delta that turns <paramref name="baseFile"/> into
    /// <paramref name="target"/>.</summary>
    public static byte[] Write(byte[] baseFile, byte[] target)
    {
        var segments = new List<(GoldenModel.SegmentKind Kind, long Offset, long Count)>();
        var literals = new List<byte>();
        Dictionary<string, Tensor> baseTensors = ReadTensors(baseFile);
        int done = 0;
        foreach (var (name, tensor) in ReadTensors(target).OrderBy(t => t.Value.Offset))
        {
            Tensor source = baseTensors[name];
            bool predicted = (tensor.Type, source.Type) == (Bf16Type, Q8);
            bool copied = tensor.Type == F32 && source.Type == F32 && target
                .AsSpan(tensor.Offset, 4 * tensor.Count)
                .SequenceEqual(baseFile.AsSpan(source.Offset, 4 * tensor.Count));
            if (!predicted && !copied)
            {
                continue;
            }
            AddLiteral(tensor.Offset);
            int bytes = predicted ? 2 * tensor.Count : 4 * tensor.Count;
            segments.Add(predicted
                ? (GoldenModel.SegmentKind.Predicted, source.Offset, tensor.Count)
                : (GoldenModel.SegmentKind.Copied, source.Offset, bytes));
            done = tensor.Offset + bytes;
        }
        AddLiteral(target.Length);
        return Assemble(baseFile, target, segments, [.. literals]);

        void AddLiteral(int end)
        {
            if (end > done)
            {
                segments.Add((GoldenModel.SegmentKind.Literal, 0, end - done));
                literals.AddRange(target.AsSpan(done, end - done));
            }
        }
    }

    private static byte[] Assemble(
        byte[] baseFile, byte[] target,
        List<(GoldenModel.SegmentKind Kind, long Offset, long Count)> segments, byte[] literals)
    {
        byte[] table = MemoryMarshal.AsBytes<long>(
            [.. segments.SelectMany(s => new[] { (long)s.Kind, s.Offset, s.Count })]).ToArray();
        var (low, high) = DistancePlanes(baseFile, target, table);
        using var delta = new MemoryStream();
        delta.Write(GoldenModel.Magic);
        delta.Write(SHA256.HashData(baseFile));
        delta.Write(SHA256.HashData(target));
        delta.Write(BitConverter.GetBytes(target.LongLength));
        foreach (byte[] stream in new[] { table, literals, low, high })
        {
            byte[] packed = Pack(stream);
            delta.Write(BitConverter.GetBytes((uint)stream.Length));
            delta.Write(BitConverter.GetBytes((uint)packed.Length));
            delta.Write(packed);
        }
        return delta.ToArray();
    }

    private static (byte[] Low, byte[] High) DistancePlanes(
        byte[] baseFile, byte[] target, byte[] table)
    {
        var groups = new List<ushort>[GoldenModel.Groups];
        for (int group = 0; group < groups.Length; group++)
        {
            groups[group] = [];
        }
        int written = 0;
        foreach (var (kind, offset, count) in GoldenModel.Segments(table))
        {
            if (kind != GoldenModel.SegmentKind.Predicted)
            {
                written += count;
                continue;
            }
            for (int i = 0; i < count; i++)
            {
                int start = offset + i / GoldenModel.BlockSize * GoldenModel.BlockBytes;
                ReadOnlySpan<byte> block = baseFile.AsSpan(start, GoldenModel.BlockBytes);
                int at = i % GoldenModel.BlockSize;
                ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(
                    target.AsSpan(written + 2 * i));
                short distance = (short)(
                    GoldenModel.ToLine(bits) - GoldenModel.PredictedPlace(block, at));
                ushort zigzag = (ushort)((distance << 1) ^ (distance >> 15));
                groups[GoldenModel.GroupOf(block, at)].Add(zigzag);
            }
            written += 2 * count;
        }
        ushort[] sorted = [.. groups.SelectMany(g => g)];
        return ([.. sorted.Select(z => (byte)z)], [.. sorted.Select(z => (byte)(z >> 8))]);
    }

    private static byte[] Pack(byte[] raw)
    {
        var packed = new byte[BrotliEncoder.GetMaxCompressedLength(raw.Length)];
        bool fits = BrotliEncoder.TryCompress(
            raw, packed, out int written, quality: 11, window: 24);
        Assert.That(fits, Is.True, "the Brotli output fits its bound");
        return packed[..written];
    }

    private static Dictionary<string, Tensor> ReadTensors(byte[] file)
    {
        using var reader = new BinaryReader(new MemoryStream(file));
        reader.ReadUInt64();
        long tensorCount = reader.ReadInt64();
        long keyCount = reader.ReadInt64();
        long alignment = 32;
        for (long i = 0; i < keyCount; i++)
        {
            string key = ReadString(reader);
            object? value = ReadValue(reader, reader.ReadInt32());
            if (key == "general.alignment" && value is uint stated)
            {
                alignment = stated;
            }
        }
        var tensors = new Dictionary<string, Tensor>();
        for (long i = 0; i < tensorCount; i++)
        {
            string name = ReadString(reader);
            int dimensions = reader.ReadInt32();
            long count = 1;
            for (int k = 0; k < dimensions; k++)
            {
                count *= reader.ReadInt64();
            }
            int type = reader.ReadInt32();
            tensors[name] = new Tensor(type, (int)count, (int)reader.ReadInt64());
        }
        long data = (reader.BaseStream.Position + alignment - 1) / alignment * alignment;
        return tensors.ToDictionary(
            t => t.Key, t => t.Value with { Offset = t.Value.Offset + (int)data });
    }

    private static string ReadString(BinaryReader reader) =>
        Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadInt64()));

    /// <summary>Reads past a metadata value; only a uint32 is of interest.</summary>
    private static object? ReadValue(BinaryReader reader, int type)
    {
        switch (type)
        {
            case 4:
                return reader.ReadUInt32();
            case 8:
                return ReadString(reader);
            case 9:
                int elementType = reader.ReadInt32();
                long count = reader.ReadInt64();
                for (long i = 0; i < count; i++)
                {
                    ReadValue(reader, elementType);
                }
                return null;
            default:
                int bytes = type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 5 or 6 => 4, _ => 8 };
                return reader.ReadBytes(bytes);
        }
    }

    private readonly record struct Tensor(int Type, int Count, int Offset);
}
