#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    METAL_TOO_MANY_BYTES,
    METAL_BUFFER_INDEX,
    METAL_BUFFER_OFFSET,
    METAL_OFFSET_WITHOUT_BUFFER,
    METAL_THREADGROUP_MULTIPLE,
    METAL_THREADGROUP_MEMORY,
    METAL_NO_PIPELINE,
    METAL_TOO_MANY_THREADS,
    METAL_EMPTY_GRID,
    METAL_SECOND_ENCODER,
    METAL_COMMIT_OPEN,
    METAL_COMMIT_TWICE,
    METAL_ENCODE_AFTER_END,
    METAL_WAIT_BEFORE_COMMIT,
    METAL_UNALIGNED_MEMORY,
} metal_misuse;

// The reason of the exception that the software Metal raises; null when it raises none. The
// caller frees it.
char *metal_misuse_text(metal_misuse which);

// 3: handler called with the completed buffer, kernel run, times in order.
int metal_handler_runs_before_the_wait_returns(void);

// The length that the deallocator of a no-copy buffer was called with.
unsigned long metal_deallocated_bytes(void *memory, unsigned long bytes);

// Allocations of a residency set after adding one buffer twice, plus 10 for each left after
// removing all.
int metal_residency_counts(void);

#ifdef __cplusplus
}
#endif
