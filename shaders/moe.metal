// The second half of a mixture of experts: down projections, weighted and summed; and the sorting
// of rows by expert for many tokens.
#include <metal_stdlib>
using namespace metal;

#include "common/expert_tiles.h"
#include "common/kernel_args.h"
#include "common/matmul.h"
#include "common/matvec.h"

constant uint down_format [[function_constant(0)]];        // of the experts' matrices
constant uint shared_format [[function_constant(1)]];      // of the shared expert's matrix
constant bool has_shared [[function_constant(2)]];
constant bool has_shared_scale [[function_constant(3)]]; // else the shared expert counts once

// A row of the experts' down matrices, from the address of expert 0's row and the expert.
METAL_FUNC device const uchar* expert_row(device const uchar* down, constant MoeDownArgs& args,
                                          uint expert, uint row) {
    ulong at = ulong(expert) * args.rows_per_expert + args.row_offset + min(row, args.rows - 1);
    return down + at * args.row_bytes;
}

// The chosen experts' share of two output rows of one token: the pieces of all experts' rows are
// dealt out to the lanes as one long row, since a single one (F = 512 has 16) would leave most
// lanes idle.
template <typename F>
METAL_FUNC void add_experts(thread Sums<2, 1>& sums, constant MoeDownArgs& args,
                            device const float* hidden, device const int* ids,
                            device const float* weights, device const uchar* down, uint row,
                            uint lane) {
    uint pieces = (args.columns + 31) / 32;
    for (uint i = lane; i < pieces * args.used; i += 32) {
        uint rank = i / pieces, piece = i % pieces;
        uint expert = uint(ids[rank]);
        WeightRows<2> rows;
        rows.row[0] = expert_row(down, args, expert, row);
        rows.row[1] = expert_row(down, args, expert, row + 1);
        InputRows<1> inputs;
        inputs.row[0] = hidden + ulong(rank) * args.columns;
        add_piece<F>(sums, rows, inputs, false, hidden, piece, args.columns, weights[rank]);
    }
}

// moe_down_matvec: for few tokens.
//
// Computes  residual[t] += sum_a weights[t, a] * down_e hidden[t, a], e = ids[t, a], and
//           += shared_scale[t] * shared_down shared_hidden[t].
// Shapes    hidden [T, A, F], ids and weights [T, A], down [E, D, F], shared_hidden [T, Fs],
//           shared_down [D, Fs], shared_scale [T], residual [T, D].
// Grid      x: D rows, 2 a SIMD-group; y: T. Any number of SIMD-groups a threadgroup.
// Numerics  float32; a lane sums its pieces in rank order, the shared expert's last.
// Limits    F and Fs multiples of their format's block.
// Bytes     the matrices of each chosen expert and of the shared one once a token.
kernel void moe_down_matvec(
    constant MoeDownArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* hidden [[buffer(2)]], device const int* ids [[buffer(3)]],
    device const float* weights [[buffer(4)]], device const uchar* down [[buffer(5)]],
    device const float* shared_hidden [[buffer(6), function_constant(has_shared)]],
    device const uchar* shared_down [[buffer(7), function_constant(has_shared)]],
    device const float* shared_scale [[buffer(8), function_constant(has_shared_scale)]],
    device float* residual [[buffer(9)]], uint2 group [[threadgroup_position_in_grid]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint simdgroups [[simdgroups_per_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
    uint token = group.y, row = 2 * (group.x * simdgroups + simdgroup);
    device const float* hidden_rows = hidden + ulong(token * args.used) * args.columns;
    device const int* chosen = ids + token * args.used;
    device const float* shares = weights + token * args.used;
    Sums<2, 1> sums;
    sums.clear();
    switch (down_format) {
#define DOWN_CASE(F, number) \
    case number: \
        add_experts<F>(sums, args, hidden_rows, chosen, shares, down, row, lane); \
        break;
        FOR_EACH_FORMAT(DOWN_CASE)
#undef DOWN_CASE
        default: break;
    }
    if (has_shared) {
        float scale = 1.0f;
        if (has_shared_scale) scale = shared_scale[token];
        WeightRows<2> rows;
        for (ushort r = 0; r < 2; r++)
            rows.row[r] =
                shared_down + ulong(min(row + r, args.rows - 1)) * args.shared_row_bytes;
        InputRows<1> inputs;
        inputs.row[0] = shared_hidden + ulong(token) * args.shared_columns;
        Sums<2, 1> shared;
        shared.clear();
        add_rows_of(shared_format, shared, rows, inputs, false, hidden, args.shared_columns, lane);
        for (ushort r = 0; r < 2; r++) sums.dot[r][0] += scale * shared.dot[r][0];
    }
    finish(sums, false, args.columns, 0.0f);
    for (ushort r = 0; r < 2; r++)
        if (lane == 0 && row + r < args.rows)
            residual[ulong(token) * args.rows + row + r] += sums.dot[r][0];
}

// moe_sort: the slots t A + a of the step in the order of their experts.
//
// Computes  counts[e] = slots with ids[slot] = e; firsts[e] = slots with a lower id;
//           slots[firsts[e] ...] = e's slots, ascending.
// Shapes    ids [T A], counts and firsts [E], slots [T A].
// Grid      a SIMD-group, which is a threadgroup, for each expert. Where an expert's slots begin
//           is how many ids are lower, so experts need nothing from each other.
// Bytes     ids E times, from the cache; the outputs once.
kernel void moe_sort(constant MoeSortArgs& args [[buffer(0)]],
                     constant StepParams& step [[buffer(1)]],
                     device const int* ids [[buffer(2)]], device uint* counts [[buffer(3)]],
                     device uint* firsts [[buffer(4)]], device uint* slots [[buffer(5)]],
                     uint expert [[threadgroup_position_in_grid]],
                     uint lane [[thread_index_in_simdgroup]]) {
    uint total = step.token_count * args.used;
    uint lower = 0, same = 0;
    for (uint i = lane; i < total; i += 32) {
        uint id = uint(ids[i]);
        lower += id < expert ? 1 : 0;
        same += id == expert ? 1 : 0;
    }
    uint next = simd_sum(lower), count = simd_sum(same);
    if (lane == 0) {
        counts[expert] = count;
        firsts[expert] = next;
    }
    for (uint i = lane; i - lane < total; i += 32) {
        uint mine = i < total && uint(ids[i]) == expert ? 1 : 0;
        uint before = simd_prefix_exclusive_sum(mine);
        if (mine) slots[next + before] = i;
        next += simd_sum(mine);
    }
}

// moe_down_matmul: for many tokens; moe_combine follows.
//
// Computes  routed[slot] = down_e hidden[slot] for e = ids[slot], and
//           shared[t] = shared_down shared_hidden[t].
// Shapes    routed [T A, D], shared [T, D], the others as in moe_down_matvec; counts, firsts and
//           slots from moe_sort.
// Grid      x: D / 64, rounded up; y: as in gate_up_matmul; 128 threads, 13.5 KiB of threadgroup
//           memory.
// Numerics  float32 tiles and sums.
// Limits    F and Fs multiples of their format's block.
// Bytes     the matrices of each expert once for every 32 of its tokens.
kernel void moe_down_matmul(
    constant MoeDownArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* hidden [[buffer(2)]], device const uint* counts [[buffer(3)]],
    device const uint* firsts [[buffer(4)]], device const uint* slots [[buffer(5)]],
    device const uchar* down [[buffer(6)]], device float* routed [[buffer(7)]],
    device const float* shared_hidden [[buffer(8), function_constant(has_shared)]],
    device const uchar* shared_down [[buffer(9), function_constant(has_shared)]],
    device float* shared [[buffer(10), function_constant(has_shared)]],
    uint2 group [[threadgroup_position_in_grid]],
    uint index [[thread_index_in_threadgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]]) {
    threadgroup float4 weight_tile[tile_weight_floats / 4];
    threadgroup float4 input_tile[tile_input_floats / 4];
    threadgroup float* tile = (threadgroup float*)weight_tile;
    threadgroup float* inputs = (threadgroup float*)input_tile;
    uint shared_tiles = has_shared ? (step.token_count + tile_tokens - 1) / tile_tokens : 0;
    bool is_shared = has_shared && group.y < shared_tiles;
    uint first_row = group.x * tile_weights, row = first_row + index / 2;
    device float* output = routed;
    ExpertTile work;
    if (is_shared) {
        work = all_tokens(group.y, step.token_count);
        uint token = work.first + min(index / 4, work.count - 1);
        output = shared;
        matmul_tile(shared_format,
                    shared_down + ulong(min(row, args.rows - 1)) * args.shared_row_bytes,
                    shared_hidden + ulong(token) * args.shared_columns, args.shared_columns,
                    tile, inputs, index, simdgroup);
    } else {
        work = find_expert_tile(counts, firsts, args.experts, group.y - shared_tiles, lane);
        if (work.count == 0) return; // the whole threadgroup
        uint slot = slots[work.first + min(index / 4, work.count - 1)];
        matmul_tile(down_format, expert_row(down, args, work.expert, row),
                    hidden + ulong(slot) * args.columns, args.columns, tile, inputs, index,
                    simdgroup);
    }
    for (uint i = index; i < tile_tokens * tile_weights; i += tile_threads) {
        uint t = i / tile_weights, r = first_row + i % tile_weights;
        if (t < work.count && r < args.rows) {
            uint at = is_shared ? work.first + t : slots[work.first + t];
            output[ulong(at) * args.rows + r] = tile[i];
        }
    }
}

// moe_combine: what moe_down_matmul left, summed.
//
// Computes  residual[t] += sum_a weights[t, a] * routed[t A + a] + shared_scale[t] * shared[t].
// Shapes    as above.
// Grid      threads: x D, y T.
// Numerics  float32, in rank order, the shared expert last.
// Bytes     routed, shared and residual once.
kernel void moe_combine(
    constant MoeDownArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* weights [[buffer(2)]], device const float* routed [[buffer(3)]],
    device const float* shared [[buffer(4), function_constant(has_shared)]],
    device const float* shared_scale [[buffer(5), function_constant(has_shared_scale)]],
    device float* residual [[buffer(6)]], uint2 at [[thread_position_in_grid]]) {
    uint column = at.x, token = at.y;
    if (column < args.rows && token < step.token_count) {
        float sum = 0.0f;
        for (uint a = 0; a < args.used; a++) {
            ulong slot = token * args.used + a;
            sum += weights[slot] * routed[slot * args.rows + column];
        }
        ulong to = ulong(token) * args.rows + column;
        if (has_shared) {
            float scale = 1.0f;
            if (has_shared_scale) scale = shared_scale[token];
            sum += scale * shared[to];
        }
        residual[to] += sum;
    }
}
