// Handles, errors, counts, versions: what is no Metal object.
#import "shim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Atomic int64_t mm_live[MM_KIND_EVENT - MM_KIND_DEVICE + 1];
_Atomic int64_t mm_submissions, mm_allocations, mm_allocated_bytes;

void *mm_handle_new(mm_kind kind, size_t bytes) {
    uint32_t *handle = calloc(1, bytes);
    if (!handle) return NULL;
    *handle = kind;
    mm_live[kind - MM_KIND_DEVICE]++;
    return handle;
}

void mm_handle_free(void *handle) {
    uint32_t *kind = handle;
    mm_live[*kind - MM_KIND_DEVICE]--;
    *kind = 0;
    free(handle);
}

bool mm_is(const void *handle, mm_kind kind) {
    return handle && *(const uint32_t *)handle == (uint32_t)kind;
}

static void put_text(mm_error *error, const char *text, size_t length) {
    error->needed_bytes = length + 1;
    if (!error->text || error->capacity_bytes == 0) return;
    size_t kept = length < error->capacity_bytes ? length : (size_t)error->capacity_bytes - 1;
    // A character of several bytes is left out whole.
    while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80) kept--;
    memcpy(error->text, text, kept);
    error->text[kept] = 0;
}

mm_status mm_fail(mm_error *error, mm_status status, const char *format, ...) {
    if (!error) return status;
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) return status;
    put_text(error, text, (size_t)length);
    free(text);
    return status;
}

mm_status mm_fail_with(mm_error *error, mm_status status, NSError *cause) {
    const char *text = [[cause localizedDescription] UTF8String];
    return mm_fail(error, status, "%s", text ? text : "Metal gives no reason");
}

mm_status mm_succeed(mm_error *error) {
    if (error) error->needed_bytes = 0;
    return MM_OK;
}

mm_status mm_copy_text(const char *text, uint64_t bytes, char *to, uint64_t capacity_bytes,
                       uint64_t *needed_bytes) {
    *needed_bytes = bytes;
    if (bytes > capacity_bytes || (!to && bytes)) return MM_TOO_SMALL;
    if (bytes) memcpy(to, text, (size_t)bytes);
    return MM_OK;
}

mm_status mm_abi_version(uint32_t *version) {
    MM_ARGUMENT(version, NULL, "version is null");
    *version = MM_ABI_VERSION;
    return MM_OK;
}

mm_status mm_layout_table(const mm_layout **rows, uint32_t *count) {
    MM_ARGUMENT(rows && count, NULL, "rows or count is null");
    *rows = mm_layout_rows;
    *count = mm_layout_row_count;
    return MM_OK;
}

mm_status mm_object_counts_get(mm_object_counts *counts) {
    MM_ARGUMENT(counts, NULL, "counts is null");
    @autoreleasepool {
        id device = MTLCreateSystemDefaultDevice();
        BOOL counted = [device respondsToSelector:@selector(softMetalLiveObjects)];
        counts->metal_objects =
            counted ? [(id<SoftMetalDevice>)device softMetalLiveObjects] : 0;
        [device release];
    }
    counts->devices = mm_live[MM_KIND_DEVICE - MM_KIND_DEVICE];
    counts->buffers = mm_live[MM_KIND_BUFFER - MM_KIND_DEVICE];
    counts->libraries = mm_live[MM_KIND_LIBRARY - MM_KIND_DEVICE];
    counts->pipelines = mm_live[MM_KIND_PIPELINE - MM_KIND_DEVICE];
    counts->queues = mm_live[MM_KIND_QUEUE - MM_KIND_DEVICE];
    counts->events = mm_live[MM_KIND_EVENT - MM_KIND_DEVICE];
    counts->submissions = mm_submissions;
    counts->allocations = mm_allocations;
    counts->allocated_bytes = mm_allocated_bytes;
    return MM_OK;
}
