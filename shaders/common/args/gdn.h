// Arguments of the gated-delta-rule kernels (gdn_decode.metal, gdn_prefill.metal).
#ifndef MM_ARGS_GDN_H
#define MM_ARGS_GDN_H

typedef struct GdnArgs {
    uint32_t key_heads;   // Kh
    uint32_t value_heads; // Vh; value head h uses key head h % Kh
    uint32_t key_dim;     // K, at most 256
    uint32_t value_dim;   // V, at most 256
    uint32_t taps;        // of the causal convolution
    uint32_t ring_rows;   // rows of the convolution state of a slot
    float conv_epsilon;   // of the L2 norm of query and key heads
    float norm_epsilon;   // of the RMS norm of the output
} GdnArgs;

#endif
