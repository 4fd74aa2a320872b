using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

/// <summary>A stored matrix and what it decodes to.</summary>
internal sealed class TestMatrix
{
    /// <summary>
    /// Rounding of one product sum, relative to the sum of the magnitudes of its terms. A term
    /// passes through at most 4 roundings inside its run, 2 for scale and offset, columns / 512
    /// additions of the lane's runs, 5 of the SIMD-group and 3 for a norm or a factor, each of
    /// 2^-24; for the rows of these tests that is under 24.
    /// </summary>
    public const double Rounding = 24.0 / (1 << 24);

    private readonly float[] _values;

    /// <summary>Decodes a weight with the library's exact decoders.</summary>
    public unsafe TestMatrix(Weight weight)
    {
        Weight = weight;
        Columns = checked((int)weight.Columns);
        _values = new float[weight.ElementCount];
        for (int r = 0; r < weight.Rows; r++)
        {
            var source = new ReadOnlySpan<byte>(
                (void*)(weight.Address + (nint)(r * weight.RowBytes)), (int)weight.RowBytes);
            QuantDecoder.DecodeRow(
                weight.Format, source, _values.AsSpan(r * Columns, Columns));
        }
    }

    public Weight Weight { get; }

    public int Rows => (int)Weight.Rows;

    public int Columns { get; }

    /// <summary>Decoded values of a row.</summary>
    public ReadOnlySpan<float> Row(int row) => _values.AsSpan(row * Columns, Columns);

    /// <summary>
    /// Row times input in double precision, and the sum of magnitudes that its rounding error is
    /// measured by. Formats with an offset subtract it from the sum, so each term counts with the
    /// row's largest value too.
    /// </summary>
    public (double Sum, double Magnitude) Dot(int row, ReadOnlySpan<double> input)
    {
        ReadOnlySpan<float> w = Row(row);
        double largest = 0;
        foreach (float value in w)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }
        double sum = 0;
        double magnitude = 0;
        for (int i = 0; i < w.Length; i++)
        {
            sum += w[i] * input[i];
            magnitude += (Math.Abs(w[i]) + largest) * Math.Abs(input[i]);
        }
        return (sum, magnitude);
    }

    /// <summary>Random bytes with finite scales of ordinary size: every code occurs.</summary>
    public static byte[] RandomBlocks(QuantFormat format, int rows, int columns, int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[rows * QuantFormats.RowBytes(format, columns)];
        random.NextBytes(bytes);
        for (int at = 0; at < bytes.Length; at += QuantFormats.BlockBytes(format))
        {
            Finish(format, bytes.AsSpan(at, QuantFormats.BlockBytes(format)), random);
        }
        return bytes;
    }

    /// <summary>Uniform values in [-1, 1).</summary>
    public static float[] Random(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (2 * random.NextSingle()) - 1)];
    }

    /// <summary>The rows of a buffer in double precision.</summary>
    public static double[] Rows64(float[] values) => Array.ConvertAll(values, x => (double)x);

    /// <summary>Rows after an RMS norm, in double precision.</summary>
    public static double[] Norm(float[] values, float[] gamma, double epsilon)
    {
        var normed = new double[values.Length];
        for (int first = 0; first < values.Length; first += gamma.Length)
        {
            double squares = 0;
            for (int i = 0; i < gamma.Length; i++)
            {
                squares += (double)values[first + i] * values[first + i];
            }
            double scale = 1 / Math.Sqrt((squares / gamma.Length) + epsilon);
            for (int i = 0; i < gamma.Length; i++)
            {
                normed[first + i] = values[first + i] * scale * gamma[i];
            }
        }
        return normed;
    }

    /// <summary>Fails unless the values differ by no more than the bound.</summary>
    public static void Near(double found, double expected, double bound, string what)
    {
        // Written so that NaN fails.
        if (!(Math.Abs(found - expected) <= bound))
        {
            Assert.Fail($"{what}: expected {expected:r} within {bound:g2}, got {found:r}");
        }
    }

    private static void Finish(QuantFormat format, Span<byte> block, Random random)
    {
        float scale = 0.001f + (0.05f * random.NextSingle());
        switch (format)
        {
            case QuantFormat.F32:
                BitConverter.TryWriteBytes(block, random.NextSingle() - 0.5f);
                break;
            case QuantFormat.BF16:
                float value = random.NextSingle() - 0.5f;
                BitConverter.TryWriteBytes(
                    block, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
                break;
            case QuantFormat.F16:
                BitConverter.TryWriteBytes(block, (Half)(random.NextSingle() - 0.5f));
                break;
            case QuantFormat.MXFP4:
                block[0] = (byte)random.Next(118, 128);
                break;
            case QuantFormat.Q2_K:
                BitConverter.TryWriteBytes(block[80..], (Half)scale);
                BitConverter.TryWriteBytes(block[82..], (Half)(scale / 2));
                break;
            case QuantFormat.Q3_K:
                BitConverter.TryWriteBytes(block[108..], (Half)(-scale));
                break;
            case QuantFormat.Q6_K:
                BitConverter.TryWriteBytes(block[208..], (Half)scale);
                break;
            default:
                BitConverter.TryWriteBytes(block, (Half)scale);
                if (format is QuantFormat.Q4_1 or QuantFormat.Q5_1 or QuantFormat.Q4_K
                    or QuantFormat.Q5_K)
                {
                    BitConverter.TryWriteBytes(block[2..], (Half)(-scale));
                }
                break;
        }
    }
}
