using System.Numerics;
using System.Runtime.InteropServices;

namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>
/// Chooses the tokens of one sequence. The order is fixed, and is that of llama.cpp's default
/// chain for the steps both have: logit bias, penalties, then with temperature 0 the largest
/// logit (the lower id on a tie), else top-k, top-p, min-p, temperature, draw. Top-p and min-p
/// judge the probabilities before the temperature, and top-p those of the tokens top-k kept.
/// </summary>
/// <remarks>
/// Probabilities are computed in double with the maximum subtracted. Nothing is allocated per
/// token. Not thread-safe: one sampler belongs to one sequence.
/// </remarks>
public sealed class Sampler
{
    private readonly SamplingOptions _options;
    private readonly Dictionary<int, float> _bias;
    private readonly float[] _logits;
    private readonly int[] _tokens;
    private readonly double[] _weights;
    private readonly PenaltyWindow? _window;
    private SplitMix64 _random;

    /// <summary>Prepares a sampler for logits of length <paramref name="vocabularySize"/>.
    /// </summary>
    /// <exception cref="MetalMoeException">An option is out of its range.</exception>
    public Sampler(SamplingOptions options, int vocabularySize)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        options.Validate();
        foreach (int token in options.LogitBias.Keys)
        {
            if (token >= vocabularySize)
            {
                throw new MetalMoeException(
                    $"[sampling] logit bias: expected a token below {vocabularySize}, got {token}");
            }
        }
        _options = options;
        _bias = new(options.LogitBias);
        _logits = new float[vocabularySize];
        _tokens = options.Temperature == 0 ? [] : new int[vocabularySize];
        _weights = options.Temperature == 0 ? [] : new double[vocabularySize];
        _random = new SplitMix64(options.Seed);
        _window = options.HasPenalties
            ? new PenaltyWindow(options.PenaltyWindow, vocabularySize) : null;
    }

    /// <summary>Tells the penalties of a token that is in the sequence now (prompt or answer).
    /// </summary>
    public void Accept(int token) => _window?.Add(token);

    /// <summary>As new: empty penalty window, first draw of the seed.</summary>
    public void Reset()
    {
        _window?.Clear();
        _random = new SplitMix64(_options.Seed);
    }

    /// <summary>Chooses the next token from logits [V]; it is not accepted yet.</summary>
    /// <exception cref="MetalMoeException">
    /// A logit is not a number or positive infinity, or no token is possible.
    /// </exception>
    public int Sample(ReadOnlySpan<float> logits) => Sample(logits, []);

    /// <summary>Chooses the next token among those that are allowed.</summary>
    /// <param name="logits">[V].</param>
    /// <param name="allowed">Bit t % 64 of word t / 64 allows token t; empty allows all.</param>
    /// <inheritdoc cref="Sample(ReadOnlySpan{float})"/>
    public int Sample(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        if (logits.Length != _logits.Length)
        {
            throw new ArgumentException(
                $"[sampling] logits: expected [{_logits.Length}], got [{logits.Length}]");
        }
        if (!allowed.IsEmpty && allowed.Length != (_logits.Length + 63) / 64)
        {
            throw new ArgumentException($"[sampling] allowed: expected "
                + $"[{(_logits.Length + 63) / 64}], got [{allowed.Length}]");
        }
        Check(logits);
        logits.CopyTo(_logits);
        foreach (var (token, bias) in _bias)
        {
            _logits[token] += bias;
        }
        ApplyPenalties(logits);
        ApplyMask(allowed);
        int best = Argmax(_logits);
        if (float.IsNegativeInfinity(_logits[best]))
        {
            throw new MetalMoeException("[sampling] logits: no token is possible, all are -inf");
        }
        return _options.Temperature == 0 ? best : Draw(Filter(_logits[best]));
    }

    /// <summary>The largest logit's token, the lower id on a tie.</summary>
    public static int Argmax(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    private void ApplyPenalties(ReadOnlySpan<float> logits)
    {
        if (_window is null)
        {
            return;
        }
        // Starts from the given logit each time, so a token that is in the window twice is
        // penalised by its count once.
        foreach (int token in _window.Tokens)
        {
            float logit = logits[token] + _bias.GetValueOrDefault(token);
            logit = logit > 0
                ? logit / _options.RepetitionPenalty : logit * _options.RepetitionPenalty;
            _logits[token] = logit - _options.PresencePenalty
                - (_options.FrequencyPenalty * _window.CountOf(token));
        }
    }

    private void ApplyMask(ReadOnlySpan<ulong> allowed)
    {
        for (int word = 0; word < allowed.Length; word++)
        {
            ulong forbidden = ~allowed[word];
            Span<float> logits = _logits.AsSpan(
                word * 64, Math.Min(64, _logits.Length - (word * 64)));
            if (forbidden == ulong.MaxValue)
            {
                logits.Fill(float.NegativeInfinity);
                continue;
            }
            for (int i = 0; forbidden != 0 && i < logits.Length; i++, forbidden >>= 1)
            {
                logits[i] = (forbidden & 1) != 0 ? float.NegativeInfinity : logits[i];
            }
        }
    }

    /// <summary>Leaves the candidates in _tokens, as many as the result says.</summary>
    private int Filter(float max)
    {
        int count = _logits.Length;
        if (_options.TopK > 0 && _options.TopK < count)
        {
            count = _options.TopK;
            CandidateHeap.SelectBest(_logits, _tokens.AsSpan(0, count));
            // Sums run in id order: they must not depend on how the selection moved tokens.
            _tokens.AsSpan(0, count).Sort();
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                _tokens[i] = i;
            }
        }
        double total = 0;
        if (_options.TopP < 1)
        {
            foreach (int token in _tokens.AsSpan(0, count))
            {
                total += PortableMath.ExpOfNonPositive((double)_logits[token] - max);
            }
        }
        count = KeepMinP(count, max);
        return _options.TopP < 1 ? KeepTopP(count, max, total) : count;
    }

    // Both filters keep a run of the best tokens, and min-p compares with the best one only, so
    // the order between them does not change the result; this order leaves less to sort.
    private int KeepMinP(int count, float max)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            int token = _tokens[i];
            double share = PortableMath.ExpOfNonPositive((double)_logits[token] - max);
            if (share > 0 && share >= _options.MinP)
            {
                _tokens[kept++] = token;
            }
        }
        return kept;
    }

    private int KeepTopP(int count, float max, double total)
    {
        Span<int> heap = _tokens.AsSpan(0, count);
        CandidateHeap.Build(_logits, heap);
        double sum = 0;
        int kept = 0;
        while (kept < count && sum < _options.TopP * total)
        {
            int token = CandidateHeap.Pop(_logits, heap[..(count - kept)]);
            sum += PortableMath.ExpOfNonPositive((double)_logits[token] - max);
            kept++;
        }
        // Popped tokens lie at the end of the heap's array.
        heap[(count - kept)..].CopyTo(heap);
        heap[..kept].Sort();
        return kept;
    }

    private int Draw(int count)
    {
        Span<int> tokens = _tokens.AsSpan(0, count);
        Span<double> weights = _weights.AsSpan(0, count);
        float max = float.NegativeInfinity;
        foreach (int token in tokens)
        {
            max = Math.Max(max, _logits[token]);
        }
        double total = 0;
        for (int i = 0; i < count; i++)
        {
            total += PortableMath.ExpOfNonPositive(
                ((double)_logits[tokens[i]] - max) / _options.Temperature);
            weights[i] = total;
        }
        double point = _random.NextDouble() * total;
        int chosen = 0;
        while (chosen < count - 1 && weights[chosen] <= point)
        {
            chosen++;
        }
        return tokens[chosen];
    }

    private static void Check(ReadOnlySpan<float> logits)
    {
        var bad = Vector<int>.Zero;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(logits);
        foreach (var v in vectors)
        {
            // Not below infinity: infinity itself, and a NaN, which is below nothing.
            bad |= ~Vector.LessThan(v, new Vector<float>(float.PositiveInfinity));
        }
        bool isBad = bad != Vector<int>.Zero;
        for (int i = vectors.Length * Vector<float>.Count; i < logits.Length; i++)
        {
            isBad |= !(logits[i] < float.PositiveInfinity);
        }
        if (isBad)
        {
            int i = 0;
            while (logits[i] < float.PositiveInfinity)
            {
                i++;
            }
            throw new MetalMoeException(
                $"[sampling] logits: expected finite numbers, got {logits[i]} for token {i}");
        }
    }
}
