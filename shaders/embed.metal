// What stands before and between the projections: rows of the embedding table, and the RMS norm
// on its own.
#include <metal_stdlib>
using namespace metal;

#include "common/kernel_args.h"
#include "common/matvec.h"
#include "common/reduce.h"

constant uint format [[function_constant(0)]];         // of the table, GGUF's number
constant bool per_logits_row [[function_constant(6)]]; // rows are those that ask for logits

// Computes  output[t] = table[tokens[t].token_id].
// Shapes    table [V, columns] in `format`, output [T, columns].
// Grid      threads: x a run of 16 values each, y T.
// Bytes     the rows once.
kernel void embed_tokens(constant EmbedArgs& args [[buffer(0)]],
                         constant StepParams& step [[buffer(1)]],
                         device const TokenInfo* tokens [[buffer(2)]],
                         device const uchar* table [[buffer(3)]],
                         device float* output [[buffer(4)]],
                         uint2 at [[thread_position_in_grid]]) {
    uint run = at.x;
    if (16 * run < args.columns && at.y < step.token_count) {
        device const uchar* row = table + ulong(tokens[at.y].token_id) * args.row_bytes;
        device float* to = output + ulong(at.y) * args.columns + 16 * run;
        Run w = decode_run(format, row, run, args.columns);
        for (ushort i = 0; i < 16; i++)
            if (16 * run + i < args.columns) to[i] = w.scale * w.q[i / 4][i % 4] + w.offset;
    }
}

// Computes  output[i] = x * rsqrt(mean x^2 + eps) * gamma, x = input[i], or with per_logits_row
//           x = input[logits_rows[i]].
// Shapes    input [T, columns], gamma [columns], output [T or R, columns].
// Grid      a threadgroup a row; any whole number of SIMD-groups.
// Numerics  float32, the squares summed in the order lane, SIMD-group, threadgroup.
// Bytes     input and output once (the second reading comes from the cache).
kernel void rms_norm(constant RmsNormArgs& args [[buffer(0)]],
                     constant StepParams& step [[buffer(1)]],
                     device const uint* logits_rows
                         [[buffer(2), function_constant(per_logits_row)]],
                     device const float* input [[buffer(3)]],
                     device const float* gamma [[buffer(4)]], device float* output [[buffer(5)]],
                     uint row [[threadgroup_position_in_grid]],
                     uint index [[thread_index_in_threadgroup]],
                     uint threads [[threads_per_threadgroup]],
                     uint lane [[thread_index_in_simdgroup]],
                     uint simdgroup [[simdgroup_index_in_threadgroup]],
                     uint simdgroups [[simdgroups_per_threadgroup]]) {
    threadgroup float partials[32];
    uint source = row;
    if (per_logits_row) source = logits_rows[row];
    device const float* x = input + ulong(source) * args.columns;
    device float* y = output + ulong(row) * args.columns;
    float squares = 0.0f;
    for (uint i = index; i < args.columns; i += threads) squares += x[i] * x[i];
    float mean = threadgroup_sum(squares, partials, lane, simdgroup, simdgroups) /
                 float(args.columns);
    float scale = rsqrt(mean + args.epsilon);
    for (uint i = index; i < args.columns; i += threads) y[i] = x[i] * scale * gamma[i];
}
