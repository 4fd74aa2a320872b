using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace MetalMoe.Core.Gguf;

/// <summary>
/// A GGUF model file, or a set of split files (<c>-00001-of-0000N.gguf</c>), mapped read-only.
/// Nothing is copied: tensors are addresses in the mapping, metadata is decoded when asked for.
/// Disposing it invalidates every address.
/// </summary>
public sealed partial class GgufFile : IDisposable
{
    private readonly List<GgufPart> _parts;
    private readonly Dictionary<string, GgufTensor> _byName = new(StringComparer.Ordinal);

    private GgufFile(string path, List<GgufPart> parts)
    {
        Path = path;
        _parts = parts;
        foreach (GgufPart part in parts)
        {
            foreach (GgufTensor tensor in part.Tensors)
            {
                if (!_byName.TryAdd(tensor.Name, tensor))
                {
                    throw new GgufException(
                        part.Path, tensor.Name, tensor.FileOffset, "each tensor in one part",
                        $"it also in {_byName[tensor.Name].File}");
                }
            }
        }
        Tensors = [.. parts.SelectMany(p => p.Tensors)];
    }

    /// <summary>The path it was opened with.</summary>
    public string Path { get; }

    /// <summary>GGUF version, 2 or 3.</summary>
    public uint Version => _parts[0].Version;

    /// <summary>Files in the set.</summary>
    public int PartCount => _parts.Count;

    /// <summary>Bytes of all files.</summary>
    public long FileBytes => _parts.Sum(p => p.Length);

    /// <summary>Metadata (of the first part).</summary>
    public GgufMetadata Metadata => _parts[0].Metadata;

    /// <summary>Tensors of all parts in file order.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Maps and validates a file; any part of a split set opens the whole set.</summary>
    /// <exception cref="GgufException">The file is not valid.</exception>
    /// <exception cref="MetalMoeException">The file cannot be read.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var parts = new List<GgufPart>();
        try
        {
            Match split = SplitName().Match(System.IO.Path.GetFileName(path));
            if (!split.Success)
            {
                parts.Add(GgufPart.Open(path));
                CheckSplit(parts[0], 0, expectedCount: null);
            }
            else
            {
                OpenSet(path, split, parts);
            }
            return new GgufFile(path, parts);
        }
        catch
        {
            parts.ForEach(p => p.Dispose());
            throw;
        }
    }

    /// <summary>Maps and validates an open file that is a model by itself, not a part of one. The
    /// handle stays the caller's and may be closed afterwards.</summary>
    /// <param name="handle">A file open for reading.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="GgufException">The file is not valid.</exception>
    /// <exception cref="MetalMoeException">The file cannot be read.</exception>
    public static GgufFile Open(SafeFileHandle handle, string name)
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var part = GgufPart.Open(handle, name);
        try
        {
            CheckSplit(part, 0, expectedCount: null);
            return new GgufFile(name, [part]);
        }
        catch
        {
            part.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of this name, or null.</summary>
    public GgufTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Unmaps the files.</summary>
    public void Dispose() => _parts.ForEach(p => p.Dispose());

    private static void OpenSet(string path, Match split, List<GgufPart> parts)
    {
        int count = int.Parse(split.Groups[3].ValueSpan, CultureInfo.InvariantCulture);
        int named = int.Parse(split.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        if (count == 0 || named == 0 || named > count)
        {
            throw new GgufException(
                path, "file name", -1, $"a part 1 to {count}",
                named.ToString(CultureInfo.InvariantCulture));
        }
        string? folder = System.IO.Path.GetDirectoryName(path);
        for (int i = 1; i <= count; i++)
        {
            string name = string.Create(
                CultureInfo.InvariantCulture, $"{split.Groups[1].Value}-{i:d5}-of-{count:d5}.gguf");
            string part = System.IO.Path.Combine(folder ?? string.Empty, name);
            if (!File.Exists(part))
            {
                throw new GgufException(
                    path, "split files", -1, $"all {count} parts", $"no file {part}");
            }
            parts.Add(GgufPart.Open(part));
            CheckSplit(parts[^1], i - 1, count);
        }
        CheckTensorCount(parts);
    }

    private static void CheckSplit(GgufPart part, int index, int? expectedCount)
    {
        uint count = part.Metadata.GetUInt32OrDefault("split.count", 0);
        if (expectedCount is null)
        {
            if (count > 1)
            {
                throw new GgufException(
                    part.Path, "split.count", -1,
                    "the name <model>-00001-of-0000N.gguf for a split file", $"{count} parts");
            }
            return;
        }
        if (count != expectedCount)
        {
            throw new GgufException(
                part.Path, "split.count", -1, $"{expectedCount} as in the file name", $"{count}");
        }
        uint number = part.Metadata.GetUInt32("split.no");
        if (number != index)
        {
            throw new GgufException(part.Path, "split.no", -1, $"{index}", $"{number}");
        }
    }

    private static void CheckTensorCount(List<GgufPart> parts)
    {
        const string Key = "split.tensors.count";
        long found = parts.Sum(p => (long)p.Tensors.Count);
        uint declared = parts[0].Metadata.GetUInt32(Key);
        if (declared != found)
        {
            throw new GgufException(
                parts[0].Path, Key, -1, $"{declared} tensors in {parts.Count} parts", $"{found}");
        }
    }

    [GeneratedRegex(@"^(.+)-(\d{5})-of-(\d{5})\.gguf$", RegexOptions.CultureInvariant)]
    private static partial Regex SplitName();
}
