// Gated delta rule of a few tokens (decode), in one dispatch: convolution, SiLU, L2 norm, the step
// of the recurrence and the gated norm.
#include "common/kernel_args.h"
#include "common/gdn_rows.h"

/*
Computes  for each token of a sequence in turn: q, k, v = silu(conv(input)); q and k divided by
          sqrt(sum of squares + conv_epsilon), q also by sqrt(K); S = e^g S; d = beta (v - S^T k);
          S += k d^T; o = S^T q; output = o rsqrt(mean o^2 + norm_epsilon) norm silu(gate).
Shapes    input [T, channels = q (Kh K) | k (Kh K) | v (Vh V)], alpha and beta [T, Vh], gate
          [T, Vh V], taps [channels, taps], a and dt [Vh], norm [V], conv_state
          [slots, ring_rows, channels], state [slots, Vh, K, V], output [T, Vh V].
Grid      (Vh, sequences) threadgroups of ceil(K / Rows) V threads, up to a multiple of 32. A
          thread owns Rows rows of one column of S and keeps them in registers over the tokens.
Numerics  float32.
Limits    K, V <= 256; ceil(K / Rows) V <= 1024; the ring holds taps - 1 rows and the tokens.
Bytes     S once in, once out; the convolution rows of a key head Vh / Kh times.
*/
template <ushort Rows>
kernel void gdn_decode(
    constant GdnArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const SegmentInfo* segments [[buffer(2)]], device const float* input [[buffer(3)]],
    device const float* alpha [[buffer(4)]], device const float* beta [[buffer(5)]],
    device const float* gate [[buffer(6)]], device const float* taps [[buffer(7)]],
    device const float* a [[buffer(8)]], device const float* dt [[buffer(9)]],
    device const float* norm [[buffer(10)]], device float* conv_state [[buffer(11)]],
    device float* state [[buffer(12)]], device float* output [[buffer(13)]],
    uint2 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
    uint threads [[threads_per_threadgroup]], ushort lane [[thread_index_in_simdgroup]]) {
    threadgroup float qkv[3 * 256];
    threadgroup float key_sums[1024];
    threadgroup float query_sums[1024];
    if (group.y >= step.segment_count) return;
    uint head = group.x, key_head = head % args.key_heads;
    uint key_dim = args.key_dim, value_dim = args.value_dim, channels = gdn_channels(args);
    uint slot = segments[group.y].slot, first_token = segments[group.y].first_token;
    uint token_count = segments[group.y].token_count, first_position = segments[group.y].position;
    device const float* rows = input + ulong(first_token) * channels;
    device float* ring = conv_state + ulong(slot) * args.ring_rows * channels;

    uint parts = (key_dim + Rows - 1) / Rows;
    uint part = index / value_dim, column = index % value_dim, first_row = part * Rows;
    device float* s = state + ((ulong(slot) * args.value_heads + head) * key_dim + first_row)
        * value_dim + column;
    uint owned = part < parts ? min(uint(Rows), key_dim - first_row) : 0;
    float own[Rows];
    for (ushort j = 0; j < Rows; j++) own[j] = j < owned ? s[j * value_dim] : 0.0f;

    for (uint i = 0; i < token_count; i++) {
        for (uint c = index; c < 2 * key_dim + value_dim; c += threads) {
            uint channel = c < key_dim ? key_head * key_dim + c
                : c < 2 * key_dim ? (args.key_heads + key_head - 1) * key_dim + c
                : 2 * (args.key_heads - 1) * key_dim + head * value_dim + c;
            qkv[c] = gdn_convolve(args, rows, ring, taps, first_position, first_position + i,
                                  channel);
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        float query_squares = 0.0f, key_squares = 0.0f;
        for (uint d = lane; d < key_dim; d += 32) {
            query_squares += qkv[d] * qkv[d];
            key_squares += qkv[key_dim + d] * qkv[key_dim + d];
        }
        float query_factor = precise::rsqrt(simd_sum(query_squares) + args.conv_epsilon)
            * precise::rsqrt(float(key_dim));
        float key_factor = precise::rsqrt(simd_sum(key_squares) + args.conv_epsilon);

        ulong gate_row = ulong(first_token + i) * args.value_heads + head;
        float decay = precise::exp(gdn_log_decay(alpha[gate_row], dt[head], a[head]));
        float update = gdn_beta(beta[gate_row]);
        float sum = 0.0f;
        for (ushort j = 0; j < Rows; j++)
            if (j < owned) sum += own[j] * qkv[key_dim + first_row + j];
        if (part < parts) key_sums[index] = sum;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        float predicted = 0.0f;
        for (uint p = 0; p < parts; p++) predicted += key_sums[p * value_dim + column];
        float d = update * (qkv[2 * key_dim + column] - decay * key_factor * predicted);
        sum = 0.0f;
        for (ushort j = 0; j < Rows; j++) {
            if (j < owned) {
                own[j] = decay * own[j] + key_factor * qkv[key_dim + first_row + j] * d;
                sum += own[j] * qkv[first_row + j];
            }
        }
        if (part < parts) query_sums[index] = sum;
        threadgroup_barrier(mem_flags::mem_threadgroup);

        // Every SIMD-group sums the squares for itself, which saves a barrier.
        float squares = 0.0f;
        for (uint c = lane; c < value_dim; c += 32) {
            float o = 0.0f;
            for (uint p = 0; p < parts; p++) o += query_sums[p * value_dim + c];
            squares += o * o;
        }
        float mean = simd_sum(squares) * query_factor * query_factor / float(value_dim);
        if (part == 0) {
            float o = 0.0f;
            for (uint p = 0; p < parts; p++) o += query_sums[p * value_dim + column];
            ulong place = gate_row * value_dim + column;
            output[place] = o * query_factor * precise::rsqrt(mean + args.norm_epsilon)
                * norm[column] * gdn_silu(gate[place]);
        }
    }

    for (ushort j = 0; j < Rows; j++)
        if (j < owned) s[j * value_dim] = own[j];
    // Of the value heads that share a key head, the first keeps its channels.
    for (uint c = index; c < 2 * key_dim + value_dim; c += threads) {
        uint channel = c < key_dim ? head * key_dim + c
            : c < 2 * key_dim ? (args.key_heads + head - 1) * key_dim + c
            : 2 * (args.key_heads - 1) * key_dim + head * value_dim + c;
        if (head < args.key_heads || c >= 2 * key_dim)
            gdn_keep(args, rows, ring, first_position, token_count, channel);
    }
}

typedef decltype(gdn_decode<16>) gdn_decode_t;
template [[host_name("gdn_decode_r16")]] kernel gdn_decode_t gdn_decode<16>;
template [[host_name("gdn_decode_r32")]] kernel gdn_decode_t gdn_decode<32>;
template [[host_name("gdn_decode_r64")]] kernel gdn_decode_t gdn_decode<64>;
