// Attention of a few tokens (decode): two dispatches a layer. attention_decode prepares queries,
// keys and values, writes the cache and attends to one span of it; attention_merge joins the
// spans and applies the output gate.
#include "common/kernel_args.h"
#include "common/attention_rows.h"

constant constexpr ushort decode_simdgroups = 4;

// E elements of a cache row in the cache's own rounding. Positions from the segment's first on
// are this step's: they come from the rows of the batch, since another threadgroup may be writing
// them to the cache at this moment; `is_writer` stores the row there.
template <typename C, ushort E>
METAL_FUNC void load_value(constant AttentionArgs& args, device C* cached,
                       device const float* fresh, bool is_fresh, bool is_writer, ushort lane,
                       thread float* out) {
    for (ushort e = 0; e < E; e++) {
        uint d = uint(lane) * E + e;
        if (is_fresh) {
            C rounded = C(d < args.head_dim ? fresh[d] : 0.0f);
            out[e] = float(rounded);
            if (is_writer) cached[d] = rounded;
        } else {
            out[e] = float(cached[d]);
        }
    }
}

/*
Computes  the unnormalised attention of R query heads over one span of positions:
          sum_p exp(s_p - m) v_p, with m = max s_p, l = sum exp(s_p - m), s_p = scale q . k_p;
          q and k after per-head RMS norm and rotation; writes k and v of the step's tokens to
          the cache, q and k of which are rounded as the cache is.
Shapes    query_gate [T, H, (q K | gate K)], key and value [T, G, K], caches
          [slots, G, cache_rows, padded], partial [T, H, max_splits, padded],
          partial_stats [T, H, max_splits] = (m, l).
Grid      (max_splits, G * ceil(H / G / R), T) threadgroups of 4 SIMD-groups. A threadgroup owns a
          span, a SIMD-group every fourth block of 32 positions of it; a lane owns E = padded / 32
          elements of a row and, of the scores, one position.
Numerics  float32; the cache may be half. Online softmax, one correction a block.
Limits    K <= 256; the tokens of a segment are consecutive positions.
Bytes     the cache rows of the span once per block of R heads; partial 4 (padded + 2) per head.
*/
template <typename C, ushort E, ushort R>
kernel void attention_decode(
    constant AttentionArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const SegmentInfo* segments [[buffer(3)]],
    device const float* query_gate [[buffer(4)]], device const float* key [[buffer(5)]],
    device const float* value [[buffer(6)]], device const float* query_norm [[buffer(7)]],
    device const float* key_norm [[buffer(8)]], device const uint2* frequencies [[buffer(9)]],
    device C* key_cache [[buffer(10)]], device C* value_cache [[buffer(11)]],
    device float* partial [[buffer(12)]], device float2* partial_stats [[buffer(13)]],
    uint3 group [[threadgroup_position_in_grid]], ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    threadgroup float weights[decode_simdgroups * R * 32];
    threadgroup float total[R * E * 32];
    threadgroup float2 stats[decode_simdgroups * R];

    uint token = group.z;
    uint position = tokens[token].position, count = position + 1;
    uint span = attention_span(args, count), from = group.x * span;
    if (token >= step.token_count || from >= count) return;
    uint to = min(from + span, count);
    uint slot = tokens[token].slot, segment = tokens[token].segment;
    uint first_row = segments[segment].first_token;
    uint first_position = segments[segment].position;

    uint ratio = args.head_count / args.kv_head_count, blocks = (ratio + R - 1) / R;
    uint kv_head = group.y / blocks, block_head = group.y % blocks * R;
    uint heads = min(uint(R), ratio - block_head);
    uint first_head = kv_head * ratio + block_head;

    float q[R][E], sum[R][E], highest[R], weight_sum[R];
    for (ushort h = 0; h < R; h++) {
        ulong head = ulong(token) * args.head_count + first_head + min(uint(h), heads - 1);
        load_rotated<E>(args, query_gate + head * 2 * args.head_dim, query_norm, frequencies,
                        position, lane, q[h]);
        for (ushort e = 0; e < E; e++) {
            q[h][e] *= args.scale;
            sum[h][e] = 0.0f;
        }
        highest[h] = attention_lowest;
        weight_sum[h] = 0.0f;
    }

    threadgroup float* own_weights = weights + simd_id * R * 32;
    for (uint block = from + simd_id * 32; block < to; block += decode_simdgroups * 32) {
        ushort length = ushort(min(32u, to - block));
        float scores[R];
        for (ushort h = 0; h < R; h++) scores[h] = attention_lowest;
        for (ushort j = 0; j < length; j++) {
            uint p = block + j;
            device C* cached = key_cache + cache_row(args, slot, kv_head, p);
            float k[E];
            if (p < first_position) {
                for (ushort e = 0; e < E; e++) k[e] = float(cached[uint(lane) * E + e]);
            } else {
                ulong row = ulong(first_row + (p - first_position)) * args.kv_head_count + kv_head;
                load_rotated<E>(args, key + row * args.head_dim, key_norm, frequencies, p, lane,
                                k);
                for (ushort e = 0; e < E; e++) {
                    C rounded = C(k[e]);
                    k[e] = float(rounded);
                    if (p == position && block_head == 0) cached[uint(lane) * E + e] = rounded;
                }
            }
            for (ushort h = 0; h < R; h++) {
                float product = 0.0f;
                for (ushort e = 0; e < E; e++) product += q[h][e] * k[e];
                product = simd_sum(product);
                scores[h] = lane == j ? product : scores[h];
            }
        }
        for (ushort h = 0; h < R; h++) {
            float top = max(highest[h], simd_max(scores[h]));
            float correction = exp(highest[h] - top);
            float weight = lane < length ? exp(scores[h] - top) : 0.0f;
            weight_sum[h] = weight_sum[h] * correction + simd_sum(weight);
            highest[h] = top;
            for (ushort e = 0; e < E; e++) sum[h][e] *= correction;
            own_weights[h * 32 + lane] = weight;
        }
        simdgroup_barrier(mem_flags::mem_threadgroup);
        for (ushort j = 0; j < length; j++) {
            uint p = block + j;
            bool is_fresh = p >= first_position;
            ulong row = ulong(is_fresh ? first_row + (p - first_position) : 0u)
                * args.kv_head_count + kv_head;
            float v[E];
            load_value<C, E>(args, value_cache + cache_row(args, slot, kv_head, p),
                             value + row * args.head_dim, is_fresh,
                             p == position && block_head == 0, lane, v);
            for (ushort h = 0; h < R; h++) {
                float weight = own_weights[h * 32 + j];
                for (ushort e = 0; e < E; e++) sum[h][e] += weight * v[e];
            }
        }
        simdgroup_barrier(mem_flags::mem_threadgroup);
    }

    if (lane == 0) {
        for (ushort h = 0; h < R; h++)
            stats[simd_id * R + h] = float2(highest[h], weight_sum[h]);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    // The SIMD-groups add their sums in turn; the last one stores the total.
    ulong first_partial = (ulong(token) * args.head_count + first_head) * args.max_splits + group.x;
    for (ushort turn = 0; turn < decode_simdgroups; turn++) {
        if (simd_id == turn) {
            for (ushort h = 0; h < R; h++) {
                float top = attention_lowest, weight = 0.0f;
                for (ushort s = 0; s < decode_simdgroups; s++)
                    top = max(top, stats[s * R + h].x);
                for (ushort s = 0; s < decode_simdgroups; s++)
                    weight += stats[s * R + h].y * exp(stats[s * R + h].x - top);
                float correction = exp(highest[h] - top);
                ulong place = first_partial + ulong(h) * args.max_splits;
                bool is_last = turn + 1 == decode_simdgroups;
                for (ushort e = 0; e < E; e++) {
                    uint d = uint(lane) * E + e, i = h * 32u * E + d;
                    float x = sum[h][e] * correction;
                    if (turn > 0) x += total[i];
                    if (!is_last) total[i] = x;
                    else if (h < heads) partial[place * args.padded_dim + d] = x;
                }
                if (is_last && lane == 0 && h < heads)
                    partial_stats[place] = float2(top, weight);
            }
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
}

/*
Computes  output = (sum_i e_i partial_i / sum_i e_i l_i) * sigmoid(gate), e_i = exp(m_i - max m),
          over the spans i of a token.
Shapes    as attention_decode; output [T, H, K].
Grid      (H, T) threadgroups of padded threads; a thread owns an element of the head.
Bytes     partial of the spans in use; output 4 K per head.
*/
kernel void attention_merge(
    constant AttentionArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const float* query_gate [[buffer(3)]],
    device const float* partial [[buffer(4)]], device const float2* partial_stats [[buffer(5)]],
    device float* output [[buffer(6)]], uint3 group [[threadgroup_position_in_grid]],
    uint d [[thread_index_in_threadgroup]]) {
    uint token = group.y;
    if (token >= step.token_count || d >= args.head_dim) return;
    uint count = tokens[token].position + 1, span = attention_span(args, count);
    uint spans = (count + span - 1) / span;
    ulong head = ulong(token) * args.head_count + group.x;
    ulong first = head * args.max_splits;
    float top = attention_lowest;
    for (uint i = 0; i < spans; i++) top = max(top, partial_stats[first + i].x);
    float weight_sum = 0.0f, sum = 0.0f;
    for (uint i = 0; i < spans; i++) {
        float correction = exp(partial_stats[first + i].x - top);
        weight_sum += partial_stats[first + i].y * correction;
        sum += partial[(first + i) * args.padded_dim + d] * correction;
    }
    float gate = query_gate[(2 * head + 1) * args.head_dim + d];
    output[head * args.head_dim + d] = sum / weight_sum * attention_sigmoid(gate);
}

typedef decltype(attention_decode<half, 1, 1>) attention_decode_f16;
typedef decltype(attention_decode<float, 1, 1>) attention_decode_f32;
#define MM_ATTENTION_DECODE(k, e, r) \
    template [[host_name("attention_decode_f16_k" #k "_r" #r)]] \
    kernel attention_decode_f16 attention_decode<half, e, r>; \
    template [[host_name("attention_decode_f32_k" #k "_r" #r)]] \
    kernel attention_decode_f32 attention_decode<float, e, r>;
#define MM_ATTENTION_DECODE_EACH_R(k, e) \
    MM_ATTENTION_DECODE(k, e, 1) \
    MM_ATTENTION_DECODE(k, e, 2) \
    MM_ATTENTION_DECODE(k, e, 4) \
    MM_ATTENTION_DECODE(k, e, 8)
MM_ATTENTION_DECODE_EACH_R(32, 1)
MM_ATTENTION_DECODE_EACH_R(64, 2)
MM_ATTENTION_DECODE_EACH_R(128, 4)
MM_ATTENTION_DECODE_EACH_R(256, 8)
