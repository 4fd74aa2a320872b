// What the gated-delta-rule kernels share: the convolution's channels and history, the gates.
//
// The convolution state of a slot is a ring: the input row of position p lies at p % ring_rows,
// and rows before position 0 count as zero. A ring of taps - 1 + n rows lets a step of at most n
// tokens store its rows while other threadgroups still read the taps - 1 rows before it.
#ifndef MM_GDN_ROWS_H
#define MM_GDN_ROWS_H

#include <metal_stdlib>
using namespace metal;

METAL_FUNC uint gdn_channels(constant GdnArgs& args) {
    return 2 * args.key_heads * args.key_dim + args.value_heads * args.value_dim;
}

METAL_FUNC float gdn_silu(float x) { return x / (1.0f + precise::exp(-x)); }

// beta of a token and value head.
METAL_FUNC float gdn_beta(float beta) { return 1.0f / (1.0f + precise::exp(-beta)); }

// g = a softplus(alpha + dt), at most 0. log(1 + e) loses a small e: its series does not.
METAL_FUNC float gdn_log_decay(float alpha, float dt, float a) {
    float x = alpha + dt, e = precise::exp(-fabs(x));
    float tail = e < 0.01f ? e * (1.0f - e * (0.5f - e * (1.0f / 3.0f))) : precise::log(1.0f + e);
    return a * (max(x, 0.0f) + tail);
}

// One channel of the causal convolution at a position, then SiLU. `input` [rows, channels] points
// to the row of the segment's first token, `ring` to the slot's state.
METAL_FUNC float gdn_convolve(constant GdnArgs& args, device const float* input,
                              device const float* ring, device const float* kernel_taps,
                              uint first_position, uint position, uint channel) {
    uint channels = gdn_channels(args);
    float sum = 0.0f;
    for (uint j = 0; j < args.taps; j++) {
        uint before = args.taps - 1 - j;
        float x = 0.0f;
        if (before <= position) {
            uint p = position - before;
            x = p >= first_position
                ? input[ulong(p - first_position) * channels + channel]
                : ring[ulong(p % args.ring_rows) * channels + channel];
        }
        sum += kernel_taps[ulong(channel) * args.taps + j] * x;
    }
    return gdn_silu(sum);
}

// The prefill kernels pass q, k and v in rows of their own, where every segment begins at a
// multiple of 8 rows and is padded with zero rows to a multiple of 8: tiles of 8 rows then hold
// nothing of another sequence. The rows of all segments fit in T up to a multiple of 8, and 8 per
// segment.
METAL_FUNC uint gdn_first_row(uint first_token, uint segment) {
    return (first_token + 7) / 8 * 8 + 8 * segment;
}

// Stores one channel of the last taps - 1 rows of a segment.
METAL_FUNC void gdn_keep(constant GdnArgs& args, device const float* input, device float* ring,
                         uint first_position, uint token_count, uint channel) {
    uint channels = gdn_channels(args);
    uint kept = min(args.taps - 1, token_count);
    for (uint i = token_count - kept; i < token_count; i++)
        ring[ulong((first_position + i) % args.ring_rows) * channels + channel] =
            input[ulong(i) * channels + channel];
}

#endif
