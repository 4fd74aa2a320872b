using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace MetalMoe.Core.Text;

/// <summary>
/// Finds the index of a byte string among <see cref="PackedStrings"/>. Open addressing with a
/// hash that is seeded per table, so that no file can be made to collide.
/// </summary>
internal sealed class ByteStringTable
{
    private readonly PackedStrings _strings;
    private readonly int[] _slots;
    private readonly ulong _seed = BinaryPrimitives.ReadUInt64LittleEndian(
        RandomNumberGenerator.GetBytes(8));

    public ByteStringTable(PackedStrings strings, int capacity)
    {
        _strings = strings;
        _slots = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(8, capacity * 2L))];
        Array.Fill(_slots, -1);
    }

    /// <summary>Adds an index; false when an equal string is there already.</summary>
    public bool TryAdd(int index)
    {
        int slot = FindSlot(_strings[index]);
        if (_slots[slot] >= 0)
        {
            return false;
        }
        _slots[slot] = index;
        return true;
    }

    /// <summary>The index of an equal string, or -1.</summary>
    public int Find(ReadOnlySpan<byte> value) => _slots[FindSlot(value)];

    private int FindSlot(ReadOnlySpan<byte> value)
    {
        int mask = _slots.Length - 1;
        int slot = (int)Hash(value) & mask;
        while (_slots[slot] >= 0 && !_strings[_slots[slot]].SequenceEqual(value))
        {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private ulong Hash(ReadOnlySpan<byte> value)
    {
        const ulong Odd = 0x9E3779B97F4A7C15;
        ulong hash = Mix(_seed ^ (ulong)value.Length, Odd);
        while (value.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(value), Odd);
            value = value[8..];
        }
        ulong rest = 0;
        foreach (byte b in value)
        {
            rest = (rest << 8) | b;
        }
        return Mix(hash ^ rest, Odd ^ _seed);
    }

    /// <summary>Both halves of the 128-bit product.</summary>
    private static ulong Mix(ulong a, ulong b) => Math.BigMul(a, b, out ulong low) ^ low;
}
