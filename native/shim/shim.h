// What the files of the shim share. A handle is a small C struct around a retained Metal object;
// its first word tells kinds apart, so that a handle passed in another's place is refused.
#pragma once

#import <Metal/Metal.h>

#include "embedded.h"
#include "metalmoe.h"
#include "softmetal_extensions.h"

#include <pthread.h>
#include <stdatomic.h>

typedef enum {
    MM_KIND_DEVICE = 0x6d6d0001,
    MM_KIND_BUFFER,
    MM_KIND_LIBRARY,
    MM_KIND_PIPELINE,
    MM_KIND_QUEUE,
    MM_KIND_EVENT,
} mm_kind;

struct mm_device {
    uint32_t kind;
    id<MTLDevice> metal;
};

struct mm_buffer {
    uint32_t kind;
    uint32_t storage;
    uint64_t size_bytes;
    uint64_t allocated_bytes; // 0 for wrapped memory
    id<MTLBuffer> metal;
};

struct mm_library {
    uint32_t kind;
    id<MTLDevice> device;
    id<MTLLibrary> metal;
};

struct mm_pipeline {
    uint32_t kind;
    uint32_t max_threads;
    id<MTLComputePipelineState> metal;
};

struct mm_queue {
    uint32_t kind;
    id<MTLDevice> device;
    id<MTLCommandQueue> metal;
    pthread_mutex_t mutex;
    id residency; // id<MTLResidencySet> or nil
};

// Work in flight keeps the event: it must outlive its handle to receive failures.
struct mm_event {
    uint32_t kind;
    _Atomic uint32_t references;
    id<MTLSharedEvent> metal;
    pthread_mutex_t mutex;
    uint64_t failed_value; // the first value whose work has failed; 0: none
    char *failure;         // its text
};

// Counts live handles, for mm_object_counts_get.
extern _Atomic int64_t mm_live[MM_KIND_EVENT - MM_KIND_DEVICE + 1];
extern _Atomic int64_t mm_submissions, mm_allocations, mm_allocated_bytes;

void *mm_handle_new(mm_kind kind, size_t bytes); // zeroed; null when out of memory
void mm_handle_free(void *handle);               // its Metal objects are released already
bool mm_is(const void *handle, mm_kind kind);    // false for null

// Writes the text, unless `error` is null, and returns `status`.
mm_status mm_fail(mm_error *error, mm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
mm_status mm_fail_with(mm_error *error, mm_status status, NSError *cause);
mm_status mm_succeed(mm_error *error);

// Copies `bytes` of text out, as the functions that give text do.
mm_status mm_copy_text(const char *text, uint64_t bytes, char *to, uint64_t capacity_bytes,
                       uint64_t *needed_bytes);

// Null when there is none of that name.
const mm_embedded *mm_find_embedded(const char *name);

// The source with every #include "x" of an embedded file replaced by its text, each file once.
// The caller frees it; null when out of memory.
char *mm_inline_includes(const char *name, const char *text, uint64_t bytes);

bool mm_metallib_embedded(void);

// Generated from the argument structs.
extern const mm_layout mm_layout_rows[];
extern const uint32_t mm_layout_row_count;

mm_event *mm_event_retain(mm_event *event);
void mm_event_fail(mm_event *event, uint64_t value, const char *text);
void mm_event_drop(mm_event *event);

#define MM_ARGUMENT(condition, error, ...) \
    do { \
        if (!(condition)) return mm_fail(error, MM_INVALID_ARGUMENT, __VA_ARGS__); \
    } while (0)
