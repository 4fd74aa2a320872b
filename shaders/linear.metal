// Matrix times activations: the projections of a layer, stacked where they share an input.
#include <metal_stdlib>
using namespace metal;

#include "common/kernel_args.h"
#include "common/matmul.h"
#include "common/matvec.h"

// Chosen when a pipeline is made; nothing is left of the formats and forms not chosen.
constant uint format_0 [[function_constant(0)]]; // of the matrix of each part, GGUF's number;
constant uint format_1 [[function_constant(1)]]; // a part that is not there has part 0's
constant uint format_2 [[function_constant(2)]];
constant uint format_3 [[function_constant(3)]];
constant bool fused_norm [[function_constant(4)]];    // the input is RMS-normed on the way
constant bool adds_residual [[function_constant(5)]]; // the product is added to a residual
constant bool per_logits_row [[function_constant(6)]]; // input rows are the step's rows of logits

METAL_FUNC bool in_stack(uint format) {
    return format == format_0 || format == format_1 || format == format_2 || format == format_3;
}

METAL_FUNC uint input_rows(constant StepParams& step) {
    return per_logits_row ? step.row_count : step.token_count;
}

// One matrix of the stack, as a threadgroup finds it from its place in the grid.
struct Part {
    device const uchar* matrix;
    device float* output;
    uint format;
    uint rows;
    uint row_bytes;
    uint group; // of the part's own threadgroups
};

// Every kernel of this file takes the same bindings.
#define LINEAR_BINDINGS \
    constant LinearArgs &args [[buffer(0)]], constant StepParams &step [[buffer(1)]], \
    device const float *input [[buffer(2)]], \
    device const float *gamma [[buffer(3), function_constant(fused_norm)]], \
    device const float *residual [[buffer(4), function_constant(adds_residual)]], \
    device const uchar *matrix_0 [[buffer(5)]], device const uchar *matrix_1 [[buffer(6)]], \
    device const uchar *matrix_2 [[buffer(7)]], device const uchar *matrix_3 [[buffer(8)]], \
    device float *output_0 [[buffer(9)]], device float *output_1 [[buffer(10)]], \
    device float *output_2 [[buffer(11)]], device float *output_3 [[buffer(12)]], \
    uint2 group [[threadgroup_position_in_grid]], \
    uint index [[thread_index_in_threadgroup]], \
    uint simdgroup [[simdgroup_index_in_threadgroup]], \
    uint simdgroups [[simdgroups_per_threadgroup]], uint lane [[thread_index_in_simdgroup]]

#define FIND_PART(part) \
    Part part; \
    if (group.x >= args.first_group_3) { \
        part = Part{matrix_3, output_3, format_3, args.rows_3, args.row_bytes_3, \
                    group.x - args.first_group_3}; \
    } else if (group.x >= args.first_group_2) { \
        part = Part{matrix_2, output_2, format_2, args.rows_2, args.row_bytes_2, \
                    group.x - args.first_group_2}; \
    } else if (group.x >= args.first_group_1) { \
        part = Part{matrix_1, output_1, format_1, args.rows_1, args.row_bytes_1, \
                    group.x - args.first_group_1}; \
    } else { \
        part = Part{matrix_0, output_0, format_0, args.rows_0, args.row_bytes_0, group.x}; \
    }

// linear_matvec_1, linear_matvec_4: for few tokens.
//
// Computes  output_p[t] = matrix_p * x[t] (+ residual[t]) for the parts p = 0..3 of a stack,
//           x[t] = input[t], or with fused_norm input[t] * rsqrt(mean input[t]^2 + eps) * gamma.
// Shapes    input [T, columns], gamma [columns], matrix_p [rows_p, columns] in format_p,
//           residual and output_p [T, rows_p] (they may be the same memory); T, or R with
//           per_logits_row.
// Grid      x: the parts' rows, 4 a SIMD-group, part after part; y: T / Tokens, rounded up.
//           Any number of SIMD-groups a threadgroup. A lane takes pieces lane, lane + 32, ...
// Numerics  float32 sums; the norm's factor is applied to the finished sum.
// Limits    columns a multiple of the format's block; T at most 65535 * Tokens.
// Bytes     each matrix once for every Tokens tokens.
template <ushort Tokens> kernel void linear_matvec(LINEAR_BINDINGS) {
    const ushort rows = 4;
    FIND_PART(part)
    uint count = input_rows(step);
    uint first_token = group.y * Tokens;
    uint first_row = (part.group * simdgroups + simdgroup) * rows;

    InputRows<Tokens> inputs;
    for (ushort t = 0; t < Tokens; t++)
        inputs.row[t] = input + ulong(min(first_token + t, count - 1)) * args.columns;
    WeightRows<rows> weights;
    for (ushort r = 0; r < rows; r++)
        weights.row[r] =
            part.matrix + ulong(min(first_row + r, part.rows - 1)) * part.row_bytes;
    Sums<rows, Tokens> sums;
    sums.clear();
    device const float* scales = fused_norm ? gamma : input;
    switch (part.format) {
#define STACK_CASE(F, number) \
    case number: \
        if (in_stack(number)) \
            add_rows<F>(sums, weights, inputs, fused_norm, scales, args.columns, lane); \
        break;
        FOR_EACH_FORMAT(STACK_CASE)
#undef STACK_CASE
        default: break;
    }
    finish(sums, fused_norm, args.columns, args.epsilon);

    for (ushort t = 0; t < Tokens; t++) {
        for (ushort r = 0; r < rows; r++) {
            bool stored = lane == 0 && first_token + t < count && first_row + r < part.rows;
            ulong at = ulong(first_token + t) * part.rows + first_row + r;
            float sum = sums.dot[r][t];
            if (stored) part.output[at] = adds_residual ? residual[at] + sum : sum;
        }
    }
}

template [[host_name("linear_matvec_1")]] kernel void linear_matvec<1>(LINEAR_BINDINGS);
template [[host_name("linear_matvec_4")]] kernel void linear_matvec<4>(LINEAR_BINDINGS);

// linear_matmul: for many tokens.
//
// Computes  output_p[t] = matrix_p * input[t] (+ residual[t]).
// Shapes    as above; fused_norm is not for this kernel.
// Grid      x: the parts' rows, 64 a threadgroup, part after part; y: T / 32, rounded up;
//           128 threads, 13.5 KiB of threadgroup memory.
// Numerics  float32 tiles and sums.
// Limits    columns a multiple of the format's block.
// Bytes     each matrix once for every 32 tokens.
kernel void linear_matmul(LINEAR_BINDINGS) {
    threadgroup float4 weight_tile[tile_weight_floats / 4];
    threadgroup float4 input_tile[tile_input_floats / 4];
    threadgroup float* tile = (threadgroup float*)weight_tile;
    FIND_PART(part)
    uint count = input_rows(step);
    uint first_token = group.y * tile_tokens, first_row = part.group * tile_weights;
    device const uchar* weight_row =
        part.matrix + ulong(min(first_row + index / 2, part.rows - 1)) * part.row_bytes;
    device const float* input_row =
        input + ulong(min(first_token + index / 4, count - 1)) * args.columns;
    switch (part.format) {
#define STACK_CASE(F, number) \
    case number: \
        if (in_stack(number)) \
            matmul_tile(number, weight_row, input_row, args.columns, tile, \
                        (threadgroup float*)input_tile, index, simdgroup); \
        break;
        FOR_EACH_FORMAT(STACK_CASE)
#undef STACK_CASE
        default: break;
    }
    for (uint i = index; i < tile_tokens * tile_weights; i += tile_threads) {
        uint t = first_token + i / tile_weights, r = first_row + i % tile_weights;
        ulong at = ulong(t) * part.rows + r;
        if (t < count && r < part.rows)
            part.output[at] = adds_residual ? residual[at] + tile[i] : tile[i];
    }
}
