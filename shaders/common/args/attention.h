// Arguments of the attention kernels (attention_decode.metal, attention_prefill.metal).
#ifndef MM_ARGS_ATTENTION_H
#define MM_ARGS_ATTENTION_H

typedef struct AttentionArgs {
    uint32_t head_count;    // H
    uint32_t kv_head_count; // G; query head h reads kv head h / (H / G)
    uint32_t head_dim;      // K
    uint32_t padded_dim;    // elements between two cache rows: K up to 32, 64, 128 or 256
    uint32_t rotated_dim;   // leading elements of a head that are rotated, even
    uint32_t cache_rows;    // positions between two heads of the cache, a multiple of 8
    uint32_t max_splits;    // spans that the cache of one token is split into, at most
    uint32_t min_span;      // positions of a span, at least; a multiple of 32
    float scale;            // of the scores
    float epsilon;          // of the norms of query and key heads
} AttentionArgs;

#endif
