// Attention of many tokens (prefill), several sequences in one batch: attention_prep readies
// queries and writes the cache, attention_prefill attends with 8x8 matrix products.
#include "common/kernel_args.h"
#include "common/attention_rows.h"

constant constexpr ushort prefill_simdgroups = 4;

/*
Computes  query = scale * rotate(rms_norm(q)), and the cache rows k = rotate(rms_norm(key)) and
          v = value of every token. Behind the last token of a segment the rows up to a multiple
          of 8 positions become zero: attention_prefill reads whole tiles of 8.
Shapes    query_gate [T, H, (q K | gate K)], key and value [T, G, K], caches
          [slots, G, cache_rows, padded], query [T up to a multiple of 8, H, padded].
Grid      (ceil((H + G) / 4), T up to a multiple of 8) threadgroups of 4 SIMD-groups; a SIMD-group
          owns a query head, or a kv head, of one token, a lane E = padded / 32 elements of it.
Numerics  float32, rounded to the cache's type on the write.
Bytes     every operand once; the query once more for the rotation.
*/
template <typename C, ushort E>
kernel void attention_prep(
    constant AttentionArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const SegmentInfo* segments [[buffer(3)]],
    device const float* query_gate [[buffer(4)]], device const float* key [[buffer(5)]],
    device const float* value [[buffer(6)]], device const float* query_norm [[buffer(7)]],
    device const float* key_norm [[buffer(8)]], device const uint2* frequencies [[buffer(9)]],
    device C* key_cache [[buffer(10)]], device C* value_cache [[buffer(11)]],
    device float* query [[buffer(12)]], uint3 group [[threadgroup_position_in_grid]],
    ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    uint unit = group.x * prefill_simdgroups + simd_id, token = group.y;
    bool is_token = token < step.token_count;
    float x[E];
    if (unit < args.head_count) {
        for (ushort e = 0; e < E; e++) x[e] = 0.0f;
        ulong head = ulong(token) * args.head_count + unit;
        if (is_token)
            load_rotated<E>(args, query_gate + head * 2 * args.head_dim, query_norm, frequencies,
                            tokens[token].position, lane, x);
        for (ushort e = 0; e < E; e++)
            query[head * args.padded_dim + uint(lane) * E + e] = args.scale * x[e];
    } else if (unit < args.head_count + args.kv_head_count && is_token) {
        uint kv_head = unit - args.head_count, position = tokens[token].position;
        ulong source = (ulong(token) * args.kv_head_count + kv_head) * args.head_dim;
        ulong place = cache_row(args, tokens[token].slot, kv_head, position) + uint(lane) * E;
        load_rotated<E>(args, key + source, key_norm, frequencies, position, lane, x);
        for (ushort e = 0; e < E; e++) {
            uint d = uint(lane) * E + e;
            key_cache[place + e] = C(x[e]);
            value_cache[place + e] = C(d < args.head_dim ? value[source + d] : 0.0f);
        }
        uint segment = tokens[token].segment;
        if (token + 1 == segments[segment].first_token + segments[segment].token_count) {
            for (uint p = position + 1; p % 8 != 0; p++) {
                place += args.padded_dim;
                for (ushort e = 0; e < E; e++) {
                    key_cache[place + e] = C(0.0f);
                    value_cache[place + e] = C(0.0f);
                }
            }
        }
    }
}

// An 8x8 tile of the cache as float. How a matrix lies in the lanes is the hardware's secret, but
// it is the same for both types, so that converting each lane's elements converts the matrix.
METAL_FUNC void load_cache_tile(thread simdgroup_float8x8& tile, device const float* from,
                                uint stride, bool transpose) {
    simdgroup_load(tile, from, ulong(stride), ulong2(0), transpose);
}
METAL_FUNC void load_cache_tile(thread simdgroup_float8x8& tile, device const half* from,
                                uint stride, bool transpose) {
    simdgroup_half8x8 stored;
    simdgroup_load(stored, from, ulong(stride), ulong2(0), transpose);
    tile.thread_elements() = float2(stored.thread_elements());
}

// The diagonal matrix of one factor a row: lane l holds the factor of row l / 4. A product with
// it from the left scales the rows of a matrix.
METAL_FUNC simdgroup_float8x8 row_factors(threadgroup float* scratch, float factor, ushort lane) {
    ushort row = lane / 4, column = lane % 4 * 2;
    scratch[row * 8 + column] = row == column ? factor : 0.0f;
    scratch[row * 8 + column + 1] = row == column + 1 ? factor : 0.0f;
    simdgroup_barrier(mem_flags::mem_threadgroup);
    simdgroup_float8x8 diagonal;
    simdgroup_load(diagonal, scratch, 8);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    return diagonal;
}

/*
Computes  output = softmax(query k) v * sigmoid(gate), causal: a token sees the positions of its
          own sequence up to its own.
Shapes    query [T up to a multiple of 8, H, padded] as attention_prep leaves it, query_gate
          [T, H, (q K | gate K)], caches [slots, G, cache_rows, padded], output [T, H, K].
Grid      (ceil(H / 4), ceil(T / 8)) threadgroups of 4 SIMD-groups. A SIMD-group owns 8 consecutive
          tokens of one head; where they belong to several sequences it visits each of these.
          Tiles of 32 positions; lanes 4 r .. 4 r + 3 own the softmax of row r.
Numerics  float32 throughout; the cache may be half. Online softmax.
Limits    K <= 256; cache rows finite up to a multiple of 8 behind the last position.
Bytes     the cache rows of a sequence once per 8 tokens and head; everything else once.
*/
template <typename C, ushort E>
kernel void attention_prefill(
    constant AttentionArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const TokenInfo* tokens [[buffer(2)]], device const SegmentInfo* segments [[buffer(3)]],
    device const float* query_gate [[buffer(4)]], device const float* query [[buffer(5)]],
    device const C* key_cache [[buffer(6)]], device const C* value_cache [[buffer(7)]],
    device float* output [[buffer(8)]], uint3 group [[threadgroup_position_in_grid]],
    ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    threadgroup float score_memory[prefill_simdgroups * 8 * 32];
    threadgroup float factor_memory[prefill_simdgroups * 64];
    threadgroup float* scores = score_memory + simd_id * 8 * 32;
    threadgroup float* factors = factor_memory + simd_id * 64;

    uint head = group.x * prefill_simdgroups + simd_id, first = group.y * 8;
    if (head >= args.head_count || first >= step.token_count) return; // whole SIMD-groups
    uint kv_head = head / (args.head_count / args.kv_head_count);
    uint last = min(first + 7, step.token_count - 1);
    ushort row = lane / 4, first_column = lane % 4 * 8;
    uint token = min(first + row, last);
    uint row_segment = tokens[token].segment, row_position = tokens[token].position;
    uint query_stride = args.head_count * args.padded_dim;
    device const float* queries = query + ulong(first) * query_stride + head * args.padded_dim;

    simdgroup_float8x8 sum[4 * E];
    for (ushort i = 0; i < 4 * E; i++) sum[i] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
    float highest = attention_lowest, weight_sum = 0.0f;

    uint last_segment = tokens[last].segment;
    for (uint segment = tokens[first].segment; segment <= last_segment; segment++) {
        uint first_token = segments[segment].first_token;
        uint last_token = min(last, first_token + segments[segment].token_count - 1);
        uint end = segments[segment].position + (last_token - first_token) + 1;
        uint slot = segments[segment].slot;
        for (uint tile = 0; tile < end; tile += 32) {
            ushort subtiles = ushort(min(4u, (end - tile + 7) / 8));
            device const C* keys = key_cache + cache_row(args, slot, kv_head, tile);
            device const C* values = value_cache + cache_row(args, slot, kv_head, tile);

            simdgroup_float8x8 score[4];
            for (ushort c = 0; c < 4; c++)
                score[c] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
            for (ushort i = 0; i < 4 * E; i++) {
                simdgroup_float8x8 q, k;
                simdgroup_load(q, queries + i * 8, ulong(query_stride));
                for (ushort c = 0; c < subtiles; c++) {
                    load_cache_tile(k, keys + c * 8 * args.padded_dim + i * 8, args.padded_dim,
                                    true);
                    simdgroup_multiply_accumulate(score[c], q, k, score[c]);
                }
            }
            for (ushort c = 0; c < 4; c++) simdgroup_store(score[c], scores + c * 8, 32ul);
            simdgroup_barrier(mem_flags::mem_threadgroup);

            float own[8], top = highest;
            for (ushort i = 0; i < 8; i++) {
                bool is_visible =
                    row_segment == segment && tile + first_column + i <= row_position;
                own[i] = is_visible ? scores[row * 32 + first_column + i] : attention_lowest;
                top = max(top, own[i]);
            }
            top = max(top, simd_shuffle_xor(top, ushort(1)));
            top = max(top, simd_shuffle_xor(top, ushort(2)));
            float correction = exp(highest - top), added = 0.0f;
            for (ushort i = 0; i < 8; i++) {
                bool is_visible =
                    row_segment == segment && tile + first_column + i <= row_position;
                float weight = is_visible ? exp(own[i] - top) : 0.0f;
                scores[row * 32 + first_column + i] = weight;
                added += weight;
            }
            added += simd_shuffle_xor(added, ushort(1));
            added += simd_shuffle_xor(added, ushort(2));
            weight_sum = weight_sum * correction + added;
            highest = top;
            simdgroup_barrier(mem_flags::mem_threadgroup);

            if (simd_any(correction != 1.0f)) {
                simdgroup_float8x8 scale = row_factors(factors, correction, lane);
                for (ushort i = 0; i < 4 * E; i++) simdgroup_multiply(sum[i], scale, sum[i]);
            }
            for (ushort c = 0; c < subtiles; c++) {
                simdgroup_float8x8 weight, v;
                simdgroup_load(weight, scores + c * 8, 32ul);
                for (ushort i = 0; i < 4 * E; i++) {
                    load_cache_tile(v, values + c * 8 * args.padded_dim + i * 8, args.padded_dim,
                                    false);
                    simdgroup_multiply_accumulate(sum[i], weight, v, sum[i]);
                }
            }
            simdgroup_barrier(mem_flags::mem_threadgroup);
        }
    }

    // Four tiles at a time through threadgroup memory, where a lane finds its elements.
    simdgroup_float8x8 scale = row_factors(factors, 1.0f / weight_sum, lane);
    ulong place = ulong(token) * args.head_count + head;
    for (ushort part = 0; part < E; part++) {
        for (ushort c = 0; c < 4; c++) {
            simdgroup_multiply(sum[4 * part + c], scale, sum[4 * part + c]);
            simdgroup_store(sum[4 * part + c], scores + c * 8, 32ul);
        }
        simdgroup_barrier(mem_flags::mem_threadgroup);
        for (ushort i = 0; i < 8; i++) {
            uint d = part * 32u + first_column + i;
            if (first + row <= last && d < args.head_dim) {
                float gate = query_gate[(2 * place + 1) * args.head_dim + d];
                output[place * args.head_dim + d] =
                    scores[row * 32 + first_column + i] * attention_sigmoid(gate);
            }
        }
        simdgroup_barrier(mem_flags::mem_threadgroup);
    }
}

typedef decltype(attention_prep<half, 1>) attention_prep_f16;
typedef decltype(attention_prep<float, 1>) attention_prep_f32;
typedef decltype(attention_prefill<half, 1>) attention_prefill_f16;
typedef decltype(attention_prefill<float, 1>) attention_prefill_f32;
#define MM_ATTENTION_PREFILL(k, e) \
    template [[host_name("attention_prep_f16_k" #k)]] \
    kernel attention_prep_f16 attention_prep<half, e>; \
    template [[host_name("attention_prep_f32_k" #k)]] \
    kernel attention_prep_f32 attention_prep<float, e>; \
    template [[host_name("attention_prefill_f16_k" #k)]] \
    kernel attention_prefill_f16 attention_prefill<half, e>; \
    template [[host_name("attention_prefill_f32_k" #k)]] \
    kernel attention_prefill_f32 attention_prefill<float, e>;
MM_ATTENTION_PREFILL(32, 1)
MM_ATTENTION_PREFILL(64, 2)
MM_ATTENTION_PREFILL(128, 4)
MM_ATTENTION_PREFILL(256, 8)
