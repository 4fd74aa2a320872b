// What the attention kernels share: rotation, normed heads, cache addresses, spans.
#ifndef MM_ATTENTION_ROWS_H
#define MM_ATTENTION_ROWS_H

#include <metal_stdlib>
using namespace metal;

// Loses against every score; finite, because fast math may assume that there is no infinity.
constant float attention_lowest = -1e30f;

// cos and sin of position * base^(-2i / rotated_dim). The frequency comes in turns, as a 64-bit
// fraction (x low, y high), so that the product wraps at whole turns in exact integer
// arithmetic: a float product would be off by 0.01 radian at position 200,000.
METAL_FUNC float2 rope_rotation(uint position, uint2 frequency) {
    uint phase = position * frequency.y + mulhi(position, frequency.x);
    float angle = float(int(phase)) * (2.0f * M_PI_F / 4294967296.0f);
    return float2(precise::cos(angle), precise::sin(angle));
}

// Elements [lane * E, lane * E + E) of one head [K] after RMS norm and rotation; zero past K.
// A SIMD-group calls it together.
template <ushort E>
METAL_FUNC void load_rotated(constant AttentionArgs& args, device const float* head,
                         device const float* gamma, device const uint2* frequencies,
                         uint position, ushort lane, thread float* out) {
    float squares = 0.0f;
    for (ushort e = 0; e < E; e++) {
        uint d = uint(lane) * E + e;
        out[e] = d < args.head_dim ? head[d] : 0.0f;
        squares += out[e] * out[e];
    }
    float factor =
        precise::rsqrt(simd_sum(squares) / float(args.head_dim) + args.epsilon);
    uint half_dim = args.rotated_dim / 2;
    for (ushort e = 0; e < E; e++) {
        uint d = uint(lane) * E + e;
        if (d < args.head_dim) {
            float x = out[e] * factor * gamma[d];
            if (d < args.rotated_dim) {
                bool is_first = d < half_dim;
                uint partner = is_first ? d + half_dim : d - half_dim;
                float y = head[partner] * factor * gamma[partner];
                float2 turn = rope_rotation(position, frequencies[is_first ? d : partner]);
                x = x * turn.x + (is_first ? -y : y) * turn.y;
            }
            out[e] = x;
        }
    }
}

// First element of the cache row of a position.
METAL_FUNC ulong cache_row(constant AttentionArgs& args, uint slot, uint kv_head, uint position) {
    ulong head = ulong(slot) * args.kv_head_count + kv_head;
    return (head * args.cache_rows + position) * args.padded_dim;
}

// Positions of each of the spans that `count` positions are split into: whole blocks of 32.
METAL_FUNC uint attention_span(constant AttentionArgs& args, uint count) {
    uint share = (count + args.max_splits - 1) / args.max_splits;
    return max(args.min_span, (share + 31) / 32 * 32);
}

METAL_FUNC float attention_sigmoid(float x) { return 1.0f / (1.0f + precise::exp(-x)); }

#endif
