// Gated delta rule of many tokens (prefill), several sequences in one batch: gdn_conv, gdn_scan in
// chunks of 32 tokens, gdn_norm.
#include "common/kernel_args.h"
#include "common/gdn_rows.h"

constant constexpr ushort gdn_simdgroups = 4;

/*
Computes  rows = silu(conv(input)); each q and k head then divided by
          sqrt(sum of squares + conv_epsilon), q also by sqrt(K). Padding rows become zero.
Shapes    input [T, channels], taps [channels, taps], conv_state [slots, ring_rows, channels],
          rows [T up to a multiple of 8, + 8 per segment; channels].
Grid      (ceil((2 Kh + Vh) / 4), T) threadgroups of 4 SIMD-groups; a SIMD-group owns a head.
Numerics  float32.
Limits    K, V <= 256.
Bytes     taps input rows in, from caches all but one, and a row out.
*/
kernel void gdn_conv(
    constant GdnArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const SegmentInfo* segments [[buffer(3)]],
    device const float* input [[buffer(4)]], device const float* taps [[buffer(5)]],
    device const float* conv_state [[buffer(6)]], device float* rows [[buffer(7)]],
    uint2 group [[threadgroup_position_in_grid]], ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    uint head = group.x * gdn_simdgroups + simd_id, token = group.y;
    uint key_heads = 2 * args.key_heads, channels = gdn_channels(args);
    if (head >= key_heads + args.value_heads || token >= step.token_count) return;
    bool is_key = head < key_heads;
    uint dim = is_key ? args.key_dim : args.value_dim;
    uint first_channel =
        is_key ? head * dim : key_heads * args.key_dim + (head - key_heads) * dim;
    uint segment = tokens[token].segment, first_token = segments[segment].first_token;
    device const float* ring =
        conv_state + ulong(segments[segment].slot) * args.ring_rows * channels;

    float y[8], squares = 0.0f;
    for (ushort i = 0; i < 8; i++) {
        uint c = i * 32u + lane;
        y[i] = 0.0f;
        if (c < dim)
            y[i] = gdn_convolve(args, input + ulong(first_token) * channels, ring, taps,
                                segments[segment].position, tokens[token].position,
                                first_channel + c);
        squares += y[i] * y[i];
    }
    float factor = precise::rsqrt(simd_sum(squares) + args.conv_epsilon);
    if (head < args.key_heads) factor *= precise::rsqrt(float(dim));
    if (!is_key) factor = 1.0f;
    ulong row = gdn_first_row(first_token, segment) + (token - first_token);
    bool is_last = token + 1 == first_token + segments[segment].token_count;
    for (ushort i = 0; i < 8; i++) {
        uint c = i * 32u + lane;
        if (c < dim) {
            rows[row * channels + first_channel + c] = factor * y[i];
            for (ulong r = row + 1; is_last && r % 8 != 0; r++)
                rows[r * channels + first_channel + c] = 0.0f;
        }
    }
}

// A diagonal matrix of one factor a row in memory: lane l holds the factor of row l / 4.
METAL_FUNC void store_row_factors(threadgroup float* to, float factor, ushort lane) {
    ushort row = lane / 4, column = lane % 4 * 2;
    to[row * 8 + column] = row == column ? factor : 0.0f;
    to[row * 8 + column + 1] = row == column + 1 ? factor : 0.0f;
}

METAL_FUNC simdgroup_float8x8 zero_tile() {
    return make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
}

/*
Computes  the gated delta rule S = e^g S; d = beta (v - S^T k); S += k d^T; o = S^T q over the
          tokens of a sequence, in chunks: with b the running sum of g within a chunk and S the
          state before it,
              (I + A) D = beta (V - e^b K S),   A_rc = beta_r e^(b_r - b_c) k_r . k_c for c < r
              O = e^b Q S + P D,                P_rc = e^(b_r - b_c) q_r . k_c for c <= r
              S = e^b_last S + sum_r e^(b_last - b_r) k_r d_r^T.
          I + A is inverted tile by tile: its diagonal 8x8 tiles by substitution, the rest by
          products.
Shapes    rows as gdn_conv leaves them, alpha and beta [T, Vh], a and dt [Vh], state
          [slots, Vh, K, V], output [T, Vh V].
Grid      (ceil(V / 32), Vh, sequences) threadgroups of 4 SIMD-groups. A SIMD-group owns 8 columns
          of S, in registers from the first token to the last; A and P are made together, a
          SIMD-group 8 rows of them.
Numerics  float32. Every exponent is at most 0.
Limits    K and V multiples of 8, K <= 8 Tiles.
Bytes     S once in, once out; the q and k rows of a key head ceil(V / 32) Vh / Kh times; the rest
          once.
Source    S. Yang, J. Kautz, A. Hatamizadeh, "Gated Delta Networks", 2024, section 3.3.
*/
template <ushort Tiles>
kernel void gdn_scan(
    constant GdnArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const SegmentInfo* segments [[buffer(2)]], device const float* rows [[buffer(3)]],
    device const float* alpha [[buffer(4)]], device const float* beta [[buffer(5)]],
    device const float* a [[buffer(6)]], device const float* dt [[buffer(7)]],
    device float* state [[buffer(8)]], device float* output [[buffer(9)]],
    uint3 group [[threadgroup_position_in_grid]], ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    threadgroup float log_decays[32]; // b
    threadgroup float betas[32];
    threadgroup float within[32 * 32];   // -A
    threadgroup float attended[32 * 32]; // P
    threadgroup float inverses[4 * 64];  // of the diagonal tiles of I + A
    threadgroup float factors[4 * 4 * 64];
    threadgroup float stored[gdn_simdgroups * 64];
    if (group.z >= step.segment_count) return;
    uint head = group.y, key_head = head % args.key_heads, channels = gdn_channels(args);
    uint token_count = segments[group.z].token_count, first_token = segments[group.z].first_token;
    ushort key_tiles = ushort(args.key_dim / 8);
    uint column = group.x * 32 + simd_id * 8;
    bool has_columns = column < args.value_dim;
    ulong first_row = gdn_first_row(first_token, group.z);
    device float* s = state + (ulong(segments[group.z].slot) * args.value_heads + head)
        * args.key_dim * args.value_dim + column;

    simdgroup_float8x8 own[Tiles];
    if (has_columns) {
        for (ushort t = 0; t < Tiles; t++)
            if (t < key_tiles)
                simdgroup_load(own[t], s + t * 8 * args.value_dim, ulong(args.value_dim));
    }

    for (uint chunk = 0; chunk < token_count; chunk += 32) {
        uint length = min(32u, token_count - chunk);
        ushort tiles = ushort((length + 7) / 8);
        device const float* q = rows + (first_row + chunk) * channels + key_head * args.key_dim;
        device const float* k = q + args.key_heads * args.key_dim;
        device const float* v = rows + (first_row + chunk) * channels
            + 2 * args.key_heads * args.key_dim + head * args.value_dim + column;
        if (simd_id == 0) {
            bool is_token = lane < length;
            ulong token = first_token + chunk + (is_token ? lane : 0);
            ulong gate = token * args.value_heads + head;
            float g = is_token ? gdn_log_decay(alpha[gate], dt[head], a[head]) : 0.0f;
            log_decays[lane] = simd_prefix_inclusive_sum(g);
            betas[lane] = is_token ? gdn_beta(beta[gate]) : 0.0f;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        if (simd_id < tiles) {
            simdgroup_float8x8 kk[4], qk[4];
            for (ushort j = 0; j < 4; j++) kk[j] = qk[j] = zero_tile();
            uint first = simd_id * 8u * channels;
            for (ushort t = 0; t < key_tiles; t++) {
                simdgroup_float8x8 q_tile, k_tile, k_other;
                simdgroup_load(q_tile, q + first + t * 8, ulong(channels));
                simdgroup_load(k_tile, k + first + t * 8, ulong(channels));
                for (ushort j = 0; j < 4; j++) {
                    if (j <= simd_id) {
                        simdgroup_load(k_other, k + j * 8 * channels + t * 8, ulong(channels),
                                       ulong2(0), true);
                        simdgroup_multiply_accumulate(kk[j], k_tile, k_other, kk[j]);
                        simdgroup_multiply_accumulate(qk[j], q_tile, k_other, qk[j]);
                    }
                }
            }
            for (ushort j = 0; j < 4; j++) {
                if (j <= simd_id) {
                    simdgroup_store(kk[j], within + simd_id * 8 * 32 + j * 8, 32ul);
                    simdgroup_store(qk[j], attended + simd_id * 8 * 32 + j * 8, 32ul);
                }
            }
            simdgroup_barrier(mem_flags::mem_threadgroup);
            for (ushort r = simd_id * 8; r < simd_id * 8 + 8; r++) {
                if (lane < simd_id * 8 + 8) {
                    float decay = lane <= r ? exp(log_decays[r] - log_decays[lane]) : 0.0f;
                    ushort i = r * 32 + lane;
                    within[i] = lane < r ? -betas[r] * decay * within[i] : 0.0f;
                    attended[i] = lane <= r ? decay * attended[i] : 0.0f;
                }
            }
            ushort row = simd_id * 8 + lane / 4;
            float b = log_decays[row];
            threadgroup float* own_factors = factors + simd_id * 4 * 64;
            store_row_factors(own_factors, betas[row], lane);
            store_row_factors(own_factors + 64, -betas[row] * exp(b), lane);
            store_row_factors(own_factors + 128, exp(b), lane);
            store_row_factors(own_factors + 192, exp(log_decays[31] - b), lane);
            simdgroup_barrier(mem_flags::mem_threadgroup);
            if (lane < 8) {
                threadgroup const float* tile = within + simd_id * 8 * 32 + simd_id * 8;
                float x[8];
                for (ushort r = 0; r < 8; r++) {
                    x[r] = r == lane ? 1.0f : 0.0f;
                    for (ushort j = 0; j < r; j++) x[r] += tile[r * 32 + j] * x[j];
                    inverses[simd_id * 64 + r * 8 + lane] = x[r];
                }
            }
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        if (has_columns) {
            simdgroup_float8x8 corrections[4]; // D
            for (ushort i = 0; i < 4; i++) {
                if (i < tiles) {
                    simdgroup_float8x8 left, right, predicted = zero_tile(), recalled = zero_tile();
                    for (ushort t = 0; t < Tiles; t++) {
                        if (t < key_tiles) {
                            simdgroup_load(left, k + i * 8 * channels + t * 8, ulong(channels));
                            simdgroup_multiply_accumulate(predicted, left, own[t], predicted);
                            simdgroup_load(left, q + i * 8 * channels + t * 8, ulong(channels));
                            simdgroup_multiply_accumulate(recalled, left, own[t], recalled);
                        }
                    }
                    simdgroup_float8x8 wanted, out;
                    simdgroup_load(left, factors + i * 4 * 64, 8ul);
                    simdgroup_load(right, v + i * 8 * channels, ulong(channels));
                    simdgroup_multiply(wanted, left, right);
                    simdgroup_load(left, factors + i * 4 * 64 + 64, 8ul);
                    simdgroup_multiply_accumulate(wanted, left, predicted, wanted);
                    simdgroup_load(left, factors + i * 4 * 64 + 128, 8ul);
                    simdgroup_multiply(out, left, recalled);
                    for (ushort j = 0; j < i; j++) {
                        simdgroup_load(left, within + i * 8 * 32 + j * 8, 32ul);
                        simdgroup_multiply_accumulate(wanted, left, corrections[j], wanted);
                    }
                    simdgroup_load(left, inverses + i * 64, 8ul);
                    simdgroup_multiply(corrections[i], left, wanted);
                    for (ushort j = 0; j <= i; j++) {
                        simdgroup_load(left, attended + i * 8 * 32 + j * 8, 32ul);
                        simdgroup_multiply_accumulate(out, left, corrections[j], out);
                    }
                    simdgroup_store(out, stored + simd_id * 64, 8ul);
                    simdgroup_barrier(mem_flags::mem_threadgroup);
                    for (ushort e = lane; e < 64; e += 32) {
                        uint token = chunk + i * 8 + e / 8;
                        if (token < token_count)
                            output[(ulong(first_token + token) * args.value_heads + head)
                                   * args.value_dim + column + e % 8] = stored[simd_id * 64 + e];
                    }
                    simdgroup_barrier(mem_flags::mem_threadgroup);
                }
            }
            float decay = exp(log_decays[31]);
            for (ushort t = 0; t < Tiles; t++)
                if (t < key_tiles) own[t].thread_elements() *= decay;
            for (ushort i = 0; i < 4; i++) {
                if (i < tiles) {
                    simdgroup_float8x8 left, weighted;
                    simdgroup_load(left, factors + i * 4 * 64 + 192, 8ul);
                    simdgroup_multiply(weighted, left, corrections[i]);
                    for (ushort t = 0; t < Tiles; t++) {
                        if (t < key_tiles) {
                            simdgroup_load(left, k + i * 8 * channels + t * 8, ulong(channels),
                                           ulong2(0), true);
                            simdgroup_multiply_accumulate(own[t], left, weighted, own[t]);
                        }
                    }
                }
            }
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (has_columns) {
        for (ushort t = 0; t < Tiles; t++)
            if (t < key_tiles)
                simdgroup_store(own[t], s + t * 8 * args.value_dim, ulong(args.value_dim));
    }
}

/*
Computes  output = o rsqrt(mean o^2 + norm_epsilon) norm silu(gate) per value head, in place, and
          stores the last taps - 1 input rows of every segment in the convolution state.
Shapes    output and gate [T, Vh V], norm [V], input [T, channels], conv_state
          [slots, ring_rows, channels].
Grid      (ceil(Vh / 4), T) threadgroups of 4 SIMD-groups; a SIMD-group owns a value head.
Numerics  float32.
Limits    V <= 256; Kh <= Vh.
Bytes     output in and out, gate once.
*/
kernel void gdn_norm(
    constant GdnArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const SegmentInfo* segments [[buffer(3)]],
    device const float* gate [[buffer(4)]], device const float* norm [[buffer(5)]],
    device const float* input [[buffer(6)]], device float* conv_state [[buffer(7)]],
    device float* output [[buffer(8)]], uint2 group [[threadgroup_position_in_grid]],
    ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    uint head = group.x * gdn_simdgroups + simd_id, token = group.y;
    if (head >= args.value_heads || token >= step.token_count) return;
    uint dim = args.value_dim;
    ulong first = (ulong(token) * args.value_heads + head) * dim;
    float squares = 0.0f;
    for (uint c = lane; c < dim; c += 32) squares += output[first + c] * output[first + c];
    float factor = precise::rsqrt(simd_sum(squares) / float(dim) + args.norm_epsilon);
    for (uint c = lane; c < dim; c += 32)
        output[first + c] = output[first + c] * factor * norm[c] * gdn_silu(gate[first + c]);

    uint segment = tokens[token].segment, channels = gdn_channels(args);
    uint end = segments[segment].first_token + segments[segment].token_count;
    if (end - token >= args.taps) return; // not among the last rows
    device const float* row = input + ulong(token) * channels;
    device float* kept = conv_state
        + (ulong(tokens[token].slot) * args.ring_rows + tokens[token].position % args.ring_rows)
        * channels;
    uint key_dim = args.key_dim, values = 2 * args.key_heads * key_dim + head * dim;
    for (uint c = lane; c < dim; c += 32) kept[values + c] = row[values + c];
    if (head < args.key_heads) { // of the value heads that share a key head, the first keeps it
        for (uint c = lane; c < key_dim; c += 32) {
            uint query = head * key_dim + c, key = (args.key_heads + head) * key_dim + c;
            kept[query] = row[query];
            kept[key] = row[key];
        }
    }
}

typedef decltype(gdn_scan<8>) gdn_scan_t;
template [[host_name("gdn_scan_k64")]] kernel gdn_scan_t gdn_scan<8>;
template [[host_name("gdn_scan_k128")]] kernel gdn_scan_t gdn_scan<16>;
template [[host_name("gdn_scan_k256")]] kernel gdn_scan_t gdn_scan<32>;
