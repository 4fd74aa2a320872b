// A tile of a matrix product for many tokens: 32 input rows times 64 weight rows, by a
// threadgroup of 128 threads. Weights are decoded once into threadgroup memory and used for all
// 32 inputs. Tiles and sums are float32: activations are nowhere rounded to fewer bits.
#ifndef MM_MATMUL_H
#define MM_MATMUL_H

#include "common/quants.h"

// Sizes of a tile; the threads of a threadgroup are tile_weights * tile_depth / 16. Rows in
// threadgroup memory are four values longer than needed, so that a column of them does not fall
// into one bank.
enum : uint {
    tile_tokens = 32,
    tile_weights = 64,
    tile_depth = 32,
    tile_threads = 128,
    tile_stride = 36,
    tile_input_floats = tile_tokens * tile_stride,
    tile_weight_floats = tile_weights * tile_stride,
};

// The sums of one SIMD-group: 16 inputs times 32 weight rows; the four SIMD-groups lie two by two.
struct TileSums {
    simdgroup_float8x8 part[2][4];

    METAL_FUNC void clear() {
        for (ushort i = 0; i < 2; i++)
            for (ushort j = 0; j < 4; j++)
                part[i][j] = make_filled_simdgroup_matrix<float, 8>(0.0f);
    }
};

// Thread `index` of the threadgroup decodes a run of weight row index / 2 and loads eight values
// of input row index / 4; `weight_row` and `input_row` point to these two rows. Rows behind the
// last one point to any valid row: what they yield is not stored.
METAL_FUNC void load_tile(uint format, uint other_format, bool is_other,
                          device const uchar* weight_row, device const float* input_row,
                          uint first, uint columns, threadgroup float* weights,
                          threadgroup float* inputs, uint index) {
    uint run = first / 16 + index % 2;
    Run w;
    if (format != other_format && is_other) w = decode_run(other_format, weight_row, run, columns);
    else w = decode_run(format, weight_row, run, columns);
    threadgroup float* to = weights + index / 2 * tile_stride + index % 2 * 16;
    for (ushort i = 0; i < 4; i++)
        *(threadgroup float4*)(to + 4 * i) = w.scale * w.q[i] + w.offset;

    uint column = first + index % 4 * 8;
    threadgroup float* x = inputs + index / 4 * tile_stride + index % 4 * 8;
    for (ushort i = 0; i < 2; i++) {
        uint c = column + 4 * i;
        uint left = columns > c ? columns - c : 0;
        device const float* from = input_row + c;
        *(threadgroup float4*)(x + 4 * i) = left >= 4
            ? LoadF32::load(from)
            : PlainFloats<float, LoadF32>::some(from, 0, left);
    }
}

METAL_FUNC void multiply_tile(thread TileSums& sums, threadgroup const float* weights,
                              threadgroup const float* inputs, uint simdgroup) {
    threadgroup const float* x = inputs + simdgroup / 2 * 16 * tile_stride;
    threadgroup const float* w = weights + simdgroup % 2 * 32 * tile_stride;
    for (ushort k = 0; k < tile_depth; k += 8) {
        simdgroup_float8x8 left[2], right[4];
        for (ushort i = 0; i < 2; i++)
            simdgroup_load(left[i], x + i * 8 * tile_stride + k, tile_stride);
        for (ushort j = 0; j < 4; j++)
            simdgroup_load(right[j], w + j * 8 * tile_stride + k, tile_stride, ulong2(0, 0),
                           true);
        for (ushort i = 0; i < 2; i++)
            for (ushort j = 0; j < 4; j++)
                simdgroup_multiply_accumulate(sums.part[i][j], left[i], right[j],
                                              sums.part[i][j]);
    }
}

// The whole product; the weight row of a thread is in `other_format` if is_other. The result is
// left in `weights` as [32 inputs][64 weight rows], ready to be read by every thread.
METAL_FUNC void matmul_pair_tile(uint format, uint other_format, bool is_other,
                                 device const uchar* weight_row, device const float* input_row,
                                 uint columns, threadgroup float* weights,
                                 threadgroup float* inputs, uint index, uint simdgroup) {
    TileSums sums;
    sums.clear();
    for (uint first = 0; first < columns; first += tile_depth) {
        load_tile(format, other_format, is_other, weight_row, input_row, first, columns, weights,
                  inputs, index);
        threadgroup_barrier(mem_flags::mem_threadgroup);
        multiply_tile(sums, weights, inputs, simdgroup);
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    threadgroup float* to = weights + simdgroup / 2 * 16 * tile_weights + simdgroup % 2 * 32;
    for (ushort i = 0; i < 2; i++)
        for (ushort j = 0; j < 4; j++)
            simdgroup_store(sums.part[i][j], to + i * 8 * tile_weights + j * 8, tile_weights);
    threadgroup_barrier(mem_flags::mem_threadgroup);
}

METAL_FUNC void matmul_tile(uint format, device const uchar* weight_row,
                            device const float* input_row, uint columns,
                            threadgroup float* weights, threadgroup float* inputs, uint index,
                            uint simdgroup) {
    matmul_pair_tile(format, format, false, weight_row, input_row, columns, weights, inputs,
                     index, simdgroup);
}

#endif
