/* The C interface to Metal: the only native boundary of MetalMoe.
 *
 * It knows Metal's nouns and nothing of language models. On a Mac it is linked against Apple's
 * Metal, on Linux against the software Metal beside it; nothing here chooses between them.
 *
 * Rules that hold for every function:
 *   - It returns a status (a release cannot fail); results go to out-parameters, which are
 *     written only on MM_OK unless said otherwise.
 *   - Handles are created with one reference, which the caller owns and gives back with the
 *     release function of their kind. Releasing null is allowed. A handle may be released while
 *     work that uses it is in flight: Metal's own objects live until that work has finished.
 *   - It may be called from any thread. One object may be used by several threads at once, but
 *     not while another thread releases it.
 *   - Null and out-of-range arguments give MM_INVALID_ARGUMENT, also a handle of another kind;
 *     a handle that has been released must not be used.
 *   - `error` may be null. Text is UTF-8 and is cut to fit.
 */
#ifndef METALMOE_H
#define METALMOE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MM_EXPORT __attribute__((visibility("default")))

/* Raised by one whenever a declaration of this file changes. */
#define MM_ABI_VERSION 1

typedef int32_t mm_status;
enum {
    MM_OK = 0,
    MM_INVALID_ARGUMENT = 1, /* the caller's mistake; the text says which argument */
    MM_UNSUPPORTED = 2,      /* this device or system has no such thing */
    MM_NO_DEVICE = 3,        /* Metal lists no such device, or cannot work here */
    MM_OUT_OF_MEMORY = 4,    /* Metal refused an allocation */
    MM_NOT_FOUND = 5,        /* no library, function or file of that name */
    MM_COMPILE_FAILED = 6,   /* the text holds the compiler's messages */
    MM_PIPELINE_FAILED = 7,  /* the text holds the driver's message */
    MM_EXECUTION_FAILED = 8, /* work ended in an error; the text holds the driver's message */
    MM_TIMEOUT = 9,
    MM_TOO_SMALL = 10        /* an output buffer; the size that is needed has been written */
};

/* Where a function puts the text of a failure. */
typedef struct mm_error {
    char* text;              /* the caller's memory, or null */
    uint64_t capacity_bytes; /* of text; the terminating zero included */
    uint64_t needed_bytes;   /* out: the size of the whole text, its zero included; 0: no failure */
} mm_error;

typedef struct mm_device mm_device;
typedef struct mm_buffer mm_buffer;
typedef struct mm_library mm_library;
typedef struct mm_pipeline mm_pipeline;
typedef struct mm_queue mm_queue;
typedef struct mm_event mm_event;

/* ---- This library ------------------------------------------------------------------------ */

/* Gives MM_ABI_VERSION as compiled in: call it first, refuse to go on when it differs. */
MM_EXPORT mm_status mm_abi_version(uint32_t* version);

/* One field of an argument struct of shaders/common/kernel_args.h, as the C compiler lays it
 * out. The row whose field is empty gives the size of the whole struct. */
typedef struct mm_layout {
    const char* structure;
    const char* field;
    uint32_t offset_bytes;
    uint32_t size_bytes;
} mm_layout;

/* Gives the layout of all argument structs. The rows and their text are static: valid for ever,
 * never freed. */
MM_EXPORT mm_status mm_layout_table(const mm_layout** rows, uint32_t* count);

/* Live handles of each kind; all are zero when everything has been released and no work is in
 * flight. `events` counts also those that work in flight keeps. */
typedef struct mm_object_counts {
    int64_t devices, buffers, libraries, pipelines, queues, events;
    int64_t submissions;       /* in flight */
    int64_t allocations;       /* Metal buffers created since the process began */
    int64_t allocated_bytes;   /* of live buffers that are not wrapped memory */
    int64_t metal_objects;     /* live objects of the software Metal besides devices; else 0 */
} mm_object_counts;
MM_EXPORT mm_status mm_object_counts_get(mm_object_counts* counts);

/* ---- Device ------------------------------------------------------------------------------ */

/* Gives the number of Metal devices; 0 is not an error. */
MM_EXPORT mm_status mm_device_count(uint32_t* count);

/* Opens a device; index 0 is the system's default. Release with mm_device_release; what was
 * created from it keeps Metal's own device alive.
 * Status: MM_NO_DEVICE with the reason. */
MM_EXPORT mm_status mm_device_create(uint32_t index, mm_device** device, mm_error* error);
MM_EXPORT void mm_device_release(mm_device* device);

enum {
    MM_DEVICE_UNIFIED_MEMORY = 1, /* host and device read the same memory */
    MM_DEVICE_RESIDENCY_SETS = 2, /* mm_queue_set_residency works */
    MM_DEVICE_SOFTWARE = 4,       /* the software Metal: checks, counters, injected faults */
    MM_DEVICE_METALLIB = 8        /* kernels were compiled when this library was built */
};
typedef struct mm_device_info {
    char name[128];
    uint64_t registry_id;
    uint64_t max_buffer_bytes;          /* of one buffer, wrapped memory included */
    uint64_t max_working_set_bytes;     /* above it the system may page or refuse */
    uint64_t page_bytes;                /* alignment and granularity of wrapped memory */
    uint32_t max_threadgroup_bytes;
    uint32_t max_threads_per_threadgroup;
    uint32_t max_argument_bytes;        /* of one dispatch */
    uint32_t max_binding_index;         /* the last; index 0 is that of the arguments */
    uint32_t apple_family;              /* 7: M1, 8: M2, 9: M3 and M4; 0: not Apple's GPU */
    uint32_t flags;                     /* MM_DEVICE_... */
} mm_device_info;
MM_EXPORT mm_status mm_device_info_get(mm_device* device, mm_device_info* info);

/* Checks of the software Metal, for all later submissions to the device. A violation ends the
 * submission in MM_EXECUTION_FAILED, with kernel, binding, index and thread in the text.
 * Status: MM_UNSUPPORTED on any other Metal. */
typedef struct mm_checks {
    uint32_t memory;  /* 1: bounds, races, reads of unwritten memory; counts traffic; 30x slower */
    uint32_t hazards; /* 1: a barrier is missing where a dispatch writes what another one since
                         the last barrier touches; sees bindings with a size_bytes only */
    uint64_t shuffle; /* not 0: seed of another order of lanes, threadgroups and dispatches */
} mm_checks;
MM_EXPORT mm_status mm_device_set_checks(mm_device* device, const mm_checks* checks);

/* Faults of the software Metal, for tests: the operation after the next `after` ones fails as a
 * real one would, `count` times.
 * Status: MM_UNSUPPORTED on any other Metal. */
enum {
    MM_FAULT_ALLOCATION = 1,
    MM_FAULT_COMPILE = 2,
    MM_FAULT_PIPELINE = 3,
    MM_FAULT_EXECUTION = 4
};
MM_EXPORT mm_status mm_device_inject(mm_device* device, uint32_t fault, uint32_t after,
                                     uint32_t count);

/* ---- Buffer ------------------------------------------------------------------------------ */

enum { MM_STORAGE_SHARED = 0, MM_STORAGE_PRIVATE = 1 };

/* Allocates a buffer: of zeros, readable and writable by the host, when shared; of arbitrary
 * bytes when private.
 * Status: MM_INVALID_ARGUMENT for 0 bytes or more than max_buffer_bytes, MM_OUT_OF_MEMORY. */
MM_EXPORT mm_status mm_buffer_create(mm_device* device, uint64_t size_bytes, uint32_t storage,
                                     mm_buffer** buffer, mm_error* error);

/* Makes mapped memory a shared buffer without copying it. Address and size are multiples of
 * page_bytes (the last page of a mapped file counts whole). The memory stays the caller's and
 * must stay mapped until the buffer is released and all work that uses it has finished. It may
 * be mapped read-only when no kernel writes to it.
 * A file longer than max_buffer_bytes is wrapped in several buffers ("windows") that may overlap:
 * the caller chooses them so that no tensor straddles an end, and binds (window, offset).
 * Status: as mm_buffer_create. */
MM_EXPORT mm_status mm_buffer_wrap(mm_device* device, void* memory, uint64_t size_bytes,
                                   mm_buffer** buffer, mm_error* error);

/* Gives the host's address of a shared buffer: for a wrapped one, the memory itself. Valid while
 * the buffer lives.
 * Status: MM_UNSUPPORTED for a private buffer. */
MM_EXPORT mm_status mm_buffer_contents(mm_buffer* buffer, void** contents, uint64_t* size_bytes);

/* For the memory check of the software Metal. written 0: fills the range with 0xff bytes (NaN in
 * every float format) and marks it as never written, so that a kernel that reads it is stopped;
 * written 1: the host has written it. No work that uses the range may be in flight.
 * Status: MM_UNSUPPORTED on any other Metal. */
MM_EXPORT mm_status mm_buffer_set_written(mm_buffer* buffer, uint64_t offset_bytes,
                                          uint64_t size_bytes, uint32_t written);
MM_EXPORT void mm_buffer_release(mm_buffer* buffer);

/* ---- Library and pipeline ---------------------------------------------------------------- */

/* Copies the text of one of the files embedded when this library was built: "linear.metal",
 * "common/kernel_args.h". The empty name gives the list of all names, one a line.
 * Status: MM_NOT_FOUND, MM_TOO_SMALL (needed_bytes is written, without a zero at the end). */
MM_EXPORT mm_status mm_embedded_text(const char* name, char* text, uint64_t capacity_bytes,
                                     uint64_t* needed_bytes);

/* Opens the embedded kernels of shaders/<name>.metal: from the compiled library where there is
 * one, else compiled now.
 * Status: MM_NOT_FOUND, MM_COMPILE_FAILED. */
MM_EXPORT mm_status mm_library_create_embedded(mm_device* device, const char* name,
                                               mm_library** library, mm_error* error);

/* Compiles Metal source. `name` is what messages call it. Lines #include "x.h" take the embedded
 * file of that name, "common/..." for example.
 * Status: MM_COMPILE_FAILED. */
MM_EXPORT mm_status mm_library_create_source(mm_device* device, const char* name,
                                             const char* source, uint64_t source_bytes,
                                             mm_library** library, mm_error* error);

/* Copies the names of the library's kernels, one a line, sorted.
 * Status: MM_TOO_SMALL (needed_bytes is written, without a zero at the end). */
MM_EXPORT mm_status mm_library_functions(mm_library* library, char* names,
                                         uint64_t capacity_bytes, uint64_t* needed_bytes);
MM_EXPORT void mm_library_release(mm_library* library);

enum {
    MM_CONSTANT_BOOL = 1,
    MM_CONSTANT_INT = 2,
    MM_CONSTANT_UINT = 3,
    MM_CONSTANT_FLOAT = 4
};
/* The value of a [[function_constant(index)]]. */
typedef struct mm_constant {
    uint32_t index;
    uint32_t type; /* MM_CONSTANT_... */
    uint32_t bits; /* of the value; a bool is 0 or 1 */
} mm_constant;

/* Compiles one kernel of a library for the given constants (read during the call; may be null
 * when constant_count is 0). The pipeline does not need the library afterwards.
 * Status: MM_NOT_FOUND, MM_PIPELINE_FAILED. */
MM_EXPORT mm_status mm_pipeline_create(mm_library* library, const char* function,
                                       const mm_constant* constants, uint32_t constant_count,
                                       mm_pipeline** pipeline, mm_error* error);

typedef struct mm_pipeline_info {
    uint32_t max_threads_per_threadgroup;
    uint32_t simd_width;
    uint32_t static_threadgroup_bytes; /* declared in the kernel */
} mm_pipeline_info;
MM_EXPORT mm_status mm_pipeline_info_get(mm_pipeline* pipeline, mm_pipeline_info* info);
MM_EXPORT void mm_pipeline_release(mm_pipeline* pipeline);

/* ---- Queue, event, submission ------------------------------------------------------------ */

/* Work of one queue runs in the order of its submission. */
MM_EXPORT mm_status mm_queue_create(mm_device* device, mm_queue** queue, mm_error* error);

/* Keeps exactly these buffers resident for all work of the queue (read during the call; none:
 * null and 0). Without it Metal makes the bound buffers of each submission resident.
 * Status: MM_UNSUPPORTED where the system has no residency sets (before macOS 15). */
MM_EXPORT mm_status mm_queue_set_residency(mm_queue* queue, mm_buffer* const* buffers,
                                           uint32_t buffer_count, mm_error* error);
MM_EXPORT void mm_queue_release(mm_queue* queue);

/* A value of 64 bits that only grows; starts at 0. */
MM_EXPORT mm_status mm_event_create(mm_device* device, mm_event** event, mm_error* error);

/* Gives the value reached so far. */
MM_EXPORT mm_status mm_event_value(mm_event* event, uint64_t* value);

/* Blocks until the event has reached `value`. 0 milliseconds asks without waiting.
 * Status: MM_TIMEOUT; MM_EXECUTION_FAILED with the driver's text when work that was to signal a
 * value up to this one has failed (its value then counts as reached). */
MM_EXPORT mm_status mm_event_wait(mm_event* event, uint64_t value, uint64_t timeout_milliseconds,
                                  mm_error* error);
MM_EXPORT void mm_event_release(mm_event* event);

/* A range of a buffer that a kernel sees at [[buffer(index)]]. */
typedef struct mm_binding {
    mm_buffer* buffer;
    uint64_t offset_bytes; /* a multiple of 4 */
    uint64_t size_bytes;   /* all that the kernel may touch, 0: up to the buffer's end. Metal does
                              not enforce it; the checks of the software Metal do */
    uint32_t index;        /* 1 to max_binding_index */
    uint32_t reserved;     /* 0 */
} mm_binding;

enum {
    MM_BARRIER_BEFORE = 1 /* all earlier dispatches of the submission finish first */
};
/* One kernel over a grid. Dispatches of a submission without a barrier between them may overlap
 * and run in any order. */
typedef struct mm_dispatch {
    mm_pipeline* pipeline;
    uint32_t first_binding;     /* into mm_submission.bindings */
    uint32_t binding_count;
    uint32_t argument_offset;   /* into mm_submission.arguments, a multiple of 8 */
    uint32_t argument_bytes;    /* seen at [[buffer(0)]]; 0: none; at most max_argument_bytes */
    uint32_t threadgroups[3];   /* a zero: the dispatch is skipped, its barrier is not */
    uint32_t threads[3];        /* per threadgroup */
    uint32_t threadgroup_bytes; /* seen at [[threadgroup(0)]], a multiple of 16 */
    uint32_t flags;             /* MM_BARRIER_BEFORE */
} mm_dispatch;

/* What one dispatch cost. Times are in seconds of one arbitrary clock of the device. */
typedef struct mm_dispatch_result {
    double start_seconds, end_seconds;
    /* Only the software Metal counts these: */
    uint64_t threads;
    uint64_t barriers;          /* of the kernel, per threadgroup */
    uint64_t simd_operations;
    uint64_t threadgroup_bytes; /* the most that one threadgroup used */
} mm_dispatch_result;

/* Bytes that one binding of a dispatch moved: with the memory check of the software Metal only. */
typedef struct mm_traffic {
    uint64_t bytes_read, bytes_written;               /* every access counts */
    uint64_t unique_bytes_read, unique_bytes_written; /* every byte counts once */
} mm_traffic;

/* A whole step as one list. All arrays are read during the call only, except `results` and
 * `traffic`, which are written when the work finishes and must stay until then. */
typedef struct mm_submission {
    const mm_dispatch* dispatches;
    const mm_binding* bindings;
    const void* arguments;
    uint32_t dispatch_count;   /* 0 is allowed: waits and signals only */
    uint32_t binding_count;
    uint32_t argument_bytes;
    uint32_t reserved;         /* 0 */
    mm_event* wait_event;      /* null, or: begins when the event has reached wait_value */
    uint64_t wait_value;
    mm_event* signal_event;    /* null, or: raised to signal_value when all has finished */
    uint64_t signal_value;     /* larger than any value given for this event before */
    mm_dispatch_result* results; /* null, or dispatch_count rows: the dispatches are then run and
                                    timed one by one, which costs some time */
    mm_traffic* traffic;         /* null, or binding_count rows; needs results */
} mm_submission;

/* Encodes and commits a submission and returns without waiting for it. Everything is validated
 * before anything is encoded: after a failure nothing has been submitted.
 * Status: MM_INVALID_ARGUMENT with the number of the dispatch in the text, MM_OUT_OF_MEMORY.
 * Failures of the work itself are told by mm_event_wait on signal_event. */
MM_EXPORT mm_status mm_submit(mm_queue* queue, const mm_submission* submission, mm_error* error);

/* ---- Capture ----------------------------------------------------------------------------- */

/* Records all work of the device between start and stop in a .gputrace document for Xcode (on a
 * Mac the process needs METAL_CAPTURE_ENABLED=1). `path` must not exist yet.
 * Status: MM_UNSUPPORTED, MM_INVALID_ARGUMENT when a capture is under way, MM_EXECUTION_FAILED. */
MM_EXPORT mm_status mm_capture_start(mm_device* device, const char* path, mm_error* error);
MM_EXPORT mm_status mm_capture_stop(mm_device* device);

#ifdef __cplusplus
}
#endif

#endif
