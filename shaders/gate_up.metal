// The first half of a feed-forward, silu(gate x) * (up x): of the chosen experts and the shared
// expert in one launch, or of a dense layer, which is a shared expert without the others.
#include <metal_stdlib>
using namespace metal;

#include "common/expert_tiles.h"
#include "common/kernel_args.h"
#include "common/matmul.h"
#include "common/matvec.h"
#include "common/router.h"

constant uint gate_format [[function_constant(0)]]; // of the experts' matrices
constant uint up_format [[function_constant(1)]];
constant uint shared_gate_format [[function_constant(2)]]; // of the shared or dense pair
constant uint shared_up_format [[function_constant(3)]];
constant bool fused_norm [[function_constant(4)]];   // the input is RMS-normed on the way
constant bool has_experts [[function_constant(5)]];
constant bool has_shared [[function_constant(6)]];
constant bool fused_choice [[function_constant(7)]]; // experts are chosen here, from logits

// One gate and up pair, at the row the caller asked for.
struct Pair {
    device const uchar* gate;
    device const uchar* up;
    uint gate_row_bytes;
    uint up_row_bytes;
    uint rows; // of each
};

// Two output rows times some tokens, from row `first` of the pair: silu(gate x) * (up x). Gate
// and up of one format go through the input together.
template <ushort Tokens>
METAL_FUNC void gate_up_rows(thread float (&result)[2][Tokens], uint format_of_gate,
                             uint format_of_up, thread const Pair& pair, uint first,
                             thread const InputRows<Tokens>& inputs, device const float* gamma,
                             uint columns, float epsilon, uint lane) {
    WeightRows<2> gate, up;
    WeightRows<4> both;
    for (ushort r = 0; r < 2; r++) {
        ulong row = min(first + r, pair.rows - 1);
        gate.row[r] = both.row[r] = pair.gate + row * pair.gate_row_bytes;
        up.row[r] = both.row[r + 2] = pair.up + row * pair.up_row_bytes;
    }
    if (format_of_gate == format_of_up) {
        Sums<4, Tokens> sums;
        sums.clear();
        add_rows_of(format_of_gate, sums, both, inputs, fused_norm, gamma, columns, lane);
        finish(sums, fused_norm, columns, epsilon);
        for (ushort r = 0; r < 2; r++)
            for (ushort t = 0; t < Tokens; t++)
                result[r][t] = silu(sums.dot[r][t]) * sums.dot[r + 2][t];
    } else {
        Sums<2, Tokens> g, u;
        g.clear();
        u.clear();
        add_rows_of(format_of_gate, g, gate, inputs, fused_norm, gamma, columns, lane);
        add_rows_of(format_of_up, u, up, inputs, fused_norm, gamma, columns, lane);
        finish(g, fused_norm, columns, epsilon);
        finish(u, fused_norm, columns, epsilon);
        for (ushort r = 0; r < 2; r++)
            for (ushort t = 0; t < Tokens; t++)
                result[r][t] = silu(g.dot[r][t]) * u.dot[r][t];
    }
}

METAL_FUNC Pair expert_pair(device const uchar* gate, device const uchar* up,
                            constant GateUpArgs& args, uint expert) {
    Pair pair;
    ulong gate_row = ulong(expert) * args.gate_rows_per_expert + args.gate_row_offset;
    ulong up_row = ulong(expert) * args.up_rows_per_expert + args.up_row_offset;
    pair.gate = gate + gate_row * args.gate_row_bytes;
    pair.up = up + up_row * args.up_row_bytes;
    pair.gate_row_bytes = args.gate_row_bytes;
    pair.up_row_bytes = args.up_row_bytes;
    pair.rows = args.rows;
    return pair;
}

METAL_FUNC Pair shared_pair(device const uchar* gate, device const uchar* up,
                            constant GateUpArgs& args) {
    Pair pair;
    pair.gate = gate;
    pair.up = up;
    pair.gate_row_bytes = args.shared_gate_row_bytes;
    pair.up_row_bytes = args.shared_up_row_bytes;
    pair.rows = args.shared_rows;
    return pair;
}

// gate_up_matvec_1, gate_up_matvec_4: for few tokens.
//
// Computes  hidden[t, a] = silu(gate_e x[t]) * (up_e x[t]) for the experts e = ids[t, a], and
//           shared_hidden[t] with the shared pair; x is RMS-normed with fused_norm as in
//           linear_matvec. With fused_choice ids and weights are outputs: every SIMD-group finds
//           the expert it needs among the logits of the token, and the ones of rank 0 and row 0
//           write ids and weights for moe_down.
// Shapes    input [T, D], logits [T, E], ids and weights [T, A], hidden [T, A, F],
//           shared_hidden [T, Fs].
// Grid      x: max(F, Fs) rows, 2 a SIMD-group; y: A ranks, then the shared pair if there is one;
//           z: T / Tokens, rounded up. Any number of SIMD-groups a threadgroup.
// Numerics  float32.
// Limits    D a multiple of the formats' blocks.
// Bytes     the matrices of each chosen expert once a token, the shared ones once for every
//           Tokens tokens.
template <ushort Tokens>
kernel void gate_up_matvec(
    constant GateUpArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* input [[buffer(2)]],
    device const float* gamma [[buffer(3), function_constant(fused_norm)]],
    device const float* logits [[buffer(4), function_constant(fused_choice)]],
    device int* ids [[buffer(5), function_constant(has_experts)]],
    device float* weights [[buffer(6), function_constant(fused_choice)]],
    device const uchar* gate [[buffer(7), function_constant(has_experts)]],
    device const uchar* up [[buffer(8), function_constant(has_experts)]],
    device float* hidden [[buffer(9), function_constant(has_experts)]],
    device const uchar* shared_gate [[buffer(10), function_constant(has_shared)]],
    device const uchar* shared_up [[buffer(11), function_constant(has_shared)]],
    device float* shared_hidden [[buffer(12), function_constant(has_shared)]],
    uint3 group [[threadgroup_position_in_grid]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint simdgroups [[simdgroups_per_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
    uint first = 2 * (group.x * simdgroups + simdgroup), rank = group.y;
    uint first_token = group.z * Tokens;
    uint tokens = min(uint(Tokens), step.token_count - first_token);
    device const float* scales = input;
    if (fused_norm) scales = gamma;

    if (has_shared && rank == args.used && first < args.shared_rows) {
        InputRows<Tokens> inputs;
        for (ushort t = 0; t < Tokens; t++)
            inputs.row[t] = input + ulong(first_token + min(uint(t), tokens - 1)) * args.columns;
        float result[2][Tokens];
        Pair pair = shared_pair(shared_gate, shared_up, args);
        gate_up_rows<Tokens>(result, shared_gate_format, shared_up_format, pair, first, inputs,
                             scales, args.columns, args.epsilon, lane);
        for (ushort t = 0; t < Tokens; t++)
            for (ushort r = 0; r < 2; r++)
                if (lane == 0 && t < tokens && first + r < args.shared_rows)
                    shared_hidden[ulong(first_token + t) * args.shared_rows + first + r] =
                        result[r][t];
    }
    if (has_experts && rank < args.used && first < args.rows) {
        for (uint t = first_token; t < first_token + tokens; t++) {
            uint expert = 0;
            if (fused_choice) {
                device const float* row = logits + ulong(t) * args.experts;
                expert = pick_expert(row, args.experts, rank, lane);
                if (rank == 0 && first == 0)
                    write_choice(row, args.experts, args.used, args.scale, ids + t * args.used,
                                 weights + t * args.used, lane);
            } else {
                expert = uint(ids[t * args.used + rank]);
            }
            InputRows<1> inputs;
            inputs.row[0] = input + ulong(t) * args.columns;
            float result[2][1];
            Pair pair = expert_pair(gate, up, args, expert);
            gate_up_rows<1>(result, gate_format, up_format, pair, first, inputs, scales,
                            args.columns, args.epsilon, lane);
            device float* to = hidden + ulong(t * args.used + rank) * args.rows + first;
            for (ushort r = 0; r < 2; r++)
                if (lane == 0 && first + r < args.rows) to[r] = result[r][0];
        }
    }
}

#define GATE_UP_MATVEC(name, tokens) \
    template [[host_name(name)]] kernel void gate_up_matvec<tokens>( \
        constant GateUpArgs&, constant StepParams&, device const float*, device const float*, \
        device const float*, device int*, device float*, device const uchar*, \
        device const uchar*, device float*, device const uchar*, device const uchar*, \
        device float*, uint3, uint, uint, uint);
GATE_UP_MATVEC("gate_up_matvec_1", 1)
GATE_UP_MATVEC("gate_up_matvec_4", 4)

// gate_up_matmul: for many tokens, the rows of each expert together.
//
// Computes  as gate_up_matvec, from an input that is normed already and ids that are chosen.
// Shapes    as above; counts, firsts [E] and slots [T A] from moe_sort.
// Grid      x: max(F, Fs) / 32, rounded up; y: T / 32, rounded up, for the shared pair if there
//           is one, then min(E, T A) + T A / 32 for the experts, of which as many are used as
//           the choice needs; 128 threads, 13.5 KiB of threadgroup memory.
// Numerics  float32 tiles and sums.
// Limits    D a multiple of the formats' blocks.
// Bytes     the matrices of each expert once for every 32 of its tokens.
kernel void gate_up_matmul(
    constant GateUpArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* input [[buffer(2)]],
    device const uint* counts [[buffer(3), function_constant(has_experts)]],
    device const uint* firsts [[buffer(4), function_constant(has_experts)]],
    device const uint* slots [[buffer(5), function_constant(has_experts)]],
    device const uchar* gate [[buffer(6), function_constant(has_experts)]],
    device const uchar* up [[buffer(7), function_constant(has_experts)]],
    device float* hidden [[buffer(8), function_constant(has_experts)]],
    device const uchar* shared_gate [[buffer(9), function_constant(has_shared)]],
    device const uchar* shared_up [[buffer(10), function_constant(has_shared)]],
    device float* shared_hidden [[buffer(11), function_constant(has_shared)]],
    uint2 group [[threadgroup_position_in_grid]],
    uint index [[thread_index_in_threadgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]]) {
    threadgroup float4 weight_tile[tile_weight_floats / 4];
    threadgroup float4 input_tile[tile_input_floats / 4];
    threadgroup float* tile = (threadgroup float*)weight_tile;
    const uint tile_rows = tile_weights / 2;
    uint shared_tiles = has_shared ? (step.token_count + tile_tokens - 1) / tile_tokens : 0;
    bool is_shared = has_shared && group.y < shared_tiles;
    uint first_row = group.x * tile_rows;

    ExpertTile work = all_tokens(group.y, step.token_count);
    if (has_experts && !is_shared)
        work = find_expert_tile(counts, firsts, args.experts, group.y - shared_tiles, lane);
    Pair pair;
    device float* output;
    if (is_shared || !has_experts) {
        pair = shared_pair(shared_gate, shared_up, args);
        output = shared_hidden;
    } else {
        pair = expert_pair(gate, up, args, work.expert);
        output = hidden;
    }
    if (work.count == 0 || first_row >= pair.rows) return; // the whole threadgroup

    // Rows 0 to 31 of the weight tile are gate rows, 32 to 63 the up rows that belong to them.
    ulong row = min(first_row + index / 2 % tile_rows, pair.rows - 1);
    bool is_up = index >= tile_threads / 2;
    device const uchar* weight_row = is_up ? pair.up + row * pair.up_row_bytes
                                           : pair.gate + row * pair.gate_row_bytes;
    uint slot = work.first + min(index / 4, work.count - 1);
    if (has_experts && !is_shared) slot = slots[slot];
    uint token = is_shared ? slot : slot / args.used;
    device const float* input_row = input + ulong(token) * args.columns;
    if (is_shared)
        matmul_pair_tile(shared_gate_format, shared_up_format, is_up, weight_row, input_row,
                         args.columns, tile, (threadgroup float*)input_tile, index, simdgroup);
    else
        matmul_pair_tile(gate_format, up_format, is_up, weight_row, input_row, args.columns,
                         tile, (threadgroup float*)input_tile, index, simdgroup);

    for (uint i = index; i < tile_tokens * tile_rows; i += tile_threads) {
        uint t = i / tile_rows, r = i % tile_rows;
        if (t < work.count && first_row + r < pair.rows) {
            uint at = work.first + t;
            if (has_experts && !is_shared) at = slots[at];
            threadgroup const float* sums = tile + t * tile_weights + r;
            output[ulong(at) * pair.rows + first_row + r] = silu(sums[0]) * sums[tile_rows];
        }
    }
}
