// Dot products of a few weight rows with a few input rows, one SIMD-group at a time: the core of
// every kernel for few tokens. Weights go from memory to registers and are used at once; nothing
// is staged in threadgroup memory.
#ifndef MM_MATVEC_H
#define MM_MATVEC_H

#include "common/quants.h"

// Sixteen values of an input row.
struct Values {
    float4 part[4];
};

METAL_FUNC float4 some_values(device const float* x, uint index, uint left) {
    return PlainFloats<float, LoadF32>::some(x, index, left);
}

// Values 16 run to 16 run + 15. Rows of block formats are whole runs; the others may end within.
template <typename F>
METAL_FUNC Values load_run(device const float* row, uint run, uint columns) {
    device const float* x = row + 16 * run;
    uint left = columns > 16 * run ? columns - 16 * run : 0;
    bool whole = F::values > 1 || left >= 16;
    Values v;
    for (ushort i = 0; i < 4; i++)
        v.part[i] = whole ? LoadF32::load(x + 4 * i) : some_values(x + 4 * i, 4 * i, left);
    return v;
}

METAL_FUNC float dot_of(thread const Values& x, thread const float4* y) {
    return dot(x.part[0], y[0]) + dot(x.part[1], y[1]) + dot(x.part[2], y[2]) +
           dot(x.part[3], y[3]);
}

METAL_FUNC float sum_of(thread const Values& x) {
    float4 sum = (x.part[0] + x.part[1]) + (x.part[2] + x.part[3]);
    return (sum.x + sum.y) + (sum.z + sum.w);
}

// Where the rows lie.
template <ushort Rows> struct WeightRows {
    device const uchar* row[Rows];
};
template <ushort Tokens> struct InputRows {
    device const float* row[Tokens];
};

// What one lane has summed up; squares only where a norm is fused.
template <ushort Rows, ushort Tokens> struct Sums {
    float dot[Rows][Tokens];
    float squares[Tokens];

    METAL_FUNC void clear() {
        for (ushort t = 0; t < Tokens; t++) {
            for (ushort r = 0; r < Rows; r++) dot[r][t] = 0.0f;
            squares[t] = 0.0f;
        }
    }
};

// Adds piece `piece` of every product to `sums`, times `factor`. With `norm` the input is
// multiplied by gamma, and its squares are summed on the way: every SIMD-group passes over the
// whole row anyway, so a fused RMS norm costs no second pass and no barrier.
template <typename F, ushort Rows, ushort Tokens>
METAL_FUNC void add_piece(thread Sums<Rows, Tokens>& sums,
                          thread const WeightRows<Rows>& weights,
                          thread const InputRows<Tokens>& inputs, bool norm,
                          device const float* gamma, uint piece, uint columns, float factor) {
    for (ushort half_piece = 0; half_piece < 2; half_piece++) {
        uint run = first_run<F>(piece) + half_piece * F::apart;
        Values x[Tokens];
        float total[Tokens];
        for (ushort t = 0; t < Tokens; t++) {
            x[t] = load_run<F>(inputs.row[t], run, columns);
            if (norm) {
                Values g = load_run<F>(gamma, run, columns);
                sums.squares[t] += dot_of(x[t], x[t].part);
                for (ushort i = 0; i < 4; i++) x[t].part[i] *= g.part[i];
            }
            total[t] = sum_of(x[t]);
        }
        for (ushort r = 0; r < Rows; r++) {
            Run w = F::decode(weights.row[r], run, columns);
            for (ushort t = 0; t < Tokens; t++)
                sums.dot[r][t] +=
                    factor * (w.scale * dot_of(x[t], w.q) + w.offset * total[t]);
        }
    }
}

// All pieces of a row, 32 lanes side by side.
template <typename F, ushort Rows, ushort Tokens>
METAL_FUNC void add_rows(thread Sums<Rows, Tokens>& sums, thread const WeightRows<Rows>& weights,
                         thread const InputRows<Tokens>& inputs, bool norm,
                         device const float* gamma, uint columns, uint lane) {
    uint pieces = (columns + 31) / 32;
    for (uint piece = lane; piece < pieces; piece += 32)
        add_piece<F>(sums, weights, inputs, norm, gamma, piece, columns, 1.0f);
}

// As add_rows, the format given by its number.
template <ushort Rows, ushort Tokens>
METAL_FUNC void add_rows_of(uint format, thread Sums<Rows, Tokens>& sums,
                            thread const WeightRows<Rows>& weights,
                            thread const InputRows<Tokens>& inputs, bool norm,
                            device const float* gamma, uint columns, uint lane) {
    switch (format) {
#define ROWS_CASE(F, number) \
    case number: add_rows<F>(sums, weights, inputs, norm, gamma, columns, lane); break;
        FOR_EACH_FORMAT(ROWS_CASE)
#undef ROWS_CASE
        default: break;
    }
}

// Totals over the lanes, in every lane; with `norm` each product divided by the root mean square
// of its input row.
template <ushort Rows, ushort Tokens>
METAL_FUNC void finish(thread Sums<Rows, Tokens>& sums, bool norm, uint columns, float epsilon) {
    for (ushort t = 0; t < Tokens; t++) {
        float scale = 1.0f;
        if (norm) scale = rsqrt(simd_sum(sums.squares[t]) / float(columns) + epsilon);
        for (ushort r = 0; r < Rows; r++) sums.dot[r][t] = scale * simd_sum(sums.dot[r][t]);
    }
}

METAL_FUNC float silu(float x) { return x / (1.0f + exp(-x)); }
METAL_FUNC float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

#endif
