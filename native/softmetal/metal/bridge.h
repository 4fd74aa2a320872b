// The software Metal's C++ library as the Objective-C classes call it. Functions that can fail
// return null or false and give the text in *error, which the caller frees.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { sm_bindings = 31 };

typedef struct sm_library sm_library;
typedef struct sm_pipeline sm_pipeline;

// Whether kernels can be compiled at all.
bool sm_available(char **error);

typedef struct sm_macro {
    const char *name;
    const char *value;
} sm_macro;

sm_library *sm_library_compile(const char *source, size_t bytes, const sm_macro *macros,
                               size_t macro_count, char **error);
void sm_library_free(sm_library *library);
size_t sm_library_function_count(const sm_library *library);
const char *sm_library_function_name(const sm_library *library, size_t index);
bool sm_library_has_function(const sm_library *library, const char *name);
// The type of a function constant as written, "uint"; null when the library has none there.
const char *sm_library_constant_type(const sm_library *library, unsigned index);

typedef struct sm_constant {
    unsigned index;
    unsigned char bytes[16];
} sm_constant;

sm_pipeline *sm_pipeline_create(const sm_library *library, const char *function,
                                const sm_constant *constants, size_t constant_count, bool check,
                                char **error);
void sm_pipeline_free(sm_pipeline *pipeline);

typedef enum sm_access { sm_unused, sm_reads, sm_writes } sm_access;
// What the kernel's declaration lets it do with buffer(index).
sm_access sm_pipeline_access(const sm_pipeline *pipeline, unsigned index);

typedef struct sm_range {
    void *data;
    size_t bytes;
    uint8_t *written; // see softmetal::Buffer
} sm_range;

typedef struct sm_dispatch {
    sm_range buffers[sm_bindings];
    size_t threadgroup_bytes[sm_bindings];
    unsigned grid[3];    // threads when exact, else threadgroups
    unsigned threads[3]; // per threadgroup
    bool exact;
    uint64_t shuffle;
} sm_dispatch;

typedef struct sm_traffic {
    uint64_t bytes_read, bytes_written, unique_bytes_read, unique_bytes_written;
} sm_traffic;

typedef struct sm_counters {
    uint64_t threads, barriers, simd_operations, threadgroup_bytes;
    sm_traffic traffic[sm_bindings];
} sm_counters;

bool sm_pipeline_dispatch(const sm_pipeline *pipeline, const sm_dispatch *dispatch,
                          sm_counters *counters, char **error);

#ifdef __cplusplus
}
#endif
