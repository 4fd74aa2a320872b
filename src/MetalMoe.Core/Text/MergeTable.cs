using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace MetalMoe.Core.Text;

/// <summary>Rank and result of every pair of tokens that may be merged.</summary>
internal sealed class MergeTable
{
    private const ulong Empty = ulong.MaxValue;
    private readonly ulong[] _pairs;
    private readonly Merge[] _merges;
    private readonly ulong _multiplier = 1 | BinaryPrimitives.ReadUInt64LittleEndian(
        RandomNumberGenerator.GetBytes(8));

    public MergeTable(int capacity)
    {
        uint slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(8, capacity * 2L));
        _pairs = new ulong[slots];
        _merges = new Merge[slots];
        Array.Fill(_pairs, Empty);
    }

    /// <summary>Adds a merge; the first of two merges of the same pair stays.</summary>
    public void Add(int left, int right, Merge merge)
    {
        ulong pair = Pair(left, right);
        int slot = FindSlot(pair);
        if (_pairs[slot] == Empty)
        {
            _pairs[slot] = pair;
            _merges[slot] = merge;
        }
    }

    /// <summary>The merge of two tokens, if there is one.</summary>
    public bool TryFind(int left, int right, out Merge merge)
    {
        int slot = FindSlot(Pair(left, right));
        merge = _merges[slot];
        return _pairs[slot] != Empty;
    }

    private static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int FindSlot(ulong pair)
    {
        int mask = _pairs.Length - 1;
        ulong high = Math.BigMul(pair, _multiplier, out ulong low);
        int slot = (int)(high ^ low ^ (low >> 32)) & mask;
        while (_pairs[slot] != pair && _pairs[slot] != Empty)
        {
            slot = (slot + 1) & mask;
        }
        return slot;
    }
}

/// <summary>A merge: smaller ranks go first.</summary>
/// <param name="Rank">Position in the list of merges.</param>
/// <param name="Result">Token that takes the place of the pair.</param>
internal readonly record struct Merge(int Rank, int Result);
