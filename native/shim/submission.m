#import "shim.h"

#include <stdlib.h>
#include <string.h>

// ---- Validation ----

static mm_status check_binding(const mm_submission *s, uint32_t dispatch, uint32_t index,
                               uint32_t *seen, mm_error *error) {
    const mm_binding *b = &s->bindings[index];
    MM_ARGUMENT(mm_is(b->buffer, MM_KIND_BUFFER), error, "dispatch %u, binding %u: not a buffer",
                dispatch, index);
    MM_ARGUMENT(b->index >= 1 && b->index <= 30, error,
                "dispatch %u, binding %u: index: expected 1 to 30, got %u", dispatch, index,
                b->index);
    MM_ARGUMENT(!(*seen >> b->index & 1), error, "dispatch %u: index %u is bound twice", dispatch,
                b->index);
    *seen |= 1u << b->index;
    MM_ARGUMENT(b->offset_bytes % 4 == 0 && b->offset_bytes < b->buffer->size_bytes, error,
                "dispatch %u, index %u: offset: expected a multiple of 4 below %llu, got %llu",
                dispatch, b->index, (unsigned long long)b->buffer->size_bytes,
                (unsigned long long)b->offset_bytes);
    MM_ARGUMENT(b->size_bytes <= b->buffer->size_bytes - b->offset_bytes, error,
                "dispatch %u, index %u: size: expected at most %llu, got %llu", dispatch,
                b->index, (unsigned long long)(b->buffer->size_bytes - b->offset_bytes),
                (unsigned long long)b->size_bytes);
    return MM_OK;
}

static mm_status check_dispatch(const mm_submission *s, uint32_t i, uint32_t most_memory,
                                mm_error *error) {
    const mm_dispatch *d = &s->dispatches[i];
    MM_ARGUMENT(mm_is(d->pipeline, MM_KIND_PIPELINE), error, "dispatch %u: not a pipeline", i);
    MM_ARGUMENT(d->first_binding <= s->binding_count &&
                    d->binding_count <= s->binding_count - d->first_binding,
                error, "dispatch %u: bindings %u + %u of %u", i, d->first_binding,
                d->binding_count, s->binding_count);
    MM_ARGUMENT(d->argument_offset % 8 == 0 && d->argument_offset <= s->argument_bytes &&
                    d->argument_bytes <= s->argument_bytes - d->argument_offset &&
                    d->argument_bytes <= 4096,
                error, "dispatch %u: arguments %u + %u of %u", i, d->argument_offset,
                d->argument_bytes, s->argument_bytes);
    uint64_t threads = (uint64_t)d->threads[0] * d->threads[1];
    threads = threads > 1024 ? threads : threads * d->threads[2];
    MM_ARGUMENT(threads >= 1 && threads <= d->pipeline->max_threads, error,
                "dispatch %u: threads: expected 1 to %u, got %u x %u x %u", i,
                d->pipeline->max_threads, d->threads[0], d->threads[1], d->threads[2]);
    MM_ARGUMENT(d->threadgroup_bytes % 16 == 0 && d->threadgroup_bytes <= most_memory, error,
                "dispatch %u: threadgroup_bytes: expected a multiple of 16 up to %u, got %u", i,
                most_memory, d->threadgroup_bytes);
    MM_ARGUMENT((d->flags & ~(uint32_t)MM_BARRIER_BEFORE) == 0, error, "dispatch %u: flags %u", i,
                d->flags);
    uint32_t seen = 0;
    for (uint32_t k = 0; k < d->binding_count; k++) {
        mm_status status = check_binding(s, i, d->first_binding + k, &seen, error);
        if (status != MM_OK) return status;
    }
    return MM_OK;
}

static mm_status check(mm_queue *queue, const mm_submission *s, mm_error *error) {
    MM_ARGUMENT(s->dispatches || s->dispatch_count == 0, error, "dispatches is null");
    MM_ARGUMENT(s->bindings || s->binding_count == 0, error, "bindings is null");
    MM_ARGUMENT(s->arguments || s->argument_bytes == 0, error, "arguments is null");
    MM_ARGUMENT(!s->wait_event || mm_is(s->wait_event, MM_KIND_EVENT), error,
                "wait_event is not an event");
    MM_ARGUMENT(!s->signal_event || mm_is(s->signal_event, MM_KIND_EVENT), error,
                "signal_event is not an event");
    MM_ARGUMENT(!s->signal_event || s->signal_value > 0, error, "signal_value is 0");
    MM_ARGUMENT(!s->traffic || s->results, error, "traffic needs results");
    uint32_t most_memory = (uint32_t)[queue->device maxThreadgroupMemoryLength];
    for (uint32_t i = 0; i < s->dispatch_count; i++) {
        mm_status status = check_dispatch(s, i, most_memory, error);
        if (status != MM_OK) return status;
    }
    return MM_OK;
}

static bool is_skipped(const mm_dispatch *d) {
    return !d->threadgroups[0] || !d->threadgroups[1] || !d->threadgroups[2];
}

// ---- Encoding ----

// What the encoder has bound, so that nothing is bound twice.
typedef struct {
    id<MTLComputeCommandEncoder> encoder;
    BOOL limits; // the encoder takes the size of bindings
    mm_pipeline *pipeline;
    uint32_t threadgroup_bytes;
    mm_binding bound[31];
} encoding;

static void set_binding(encoding *e, const mm_binding *b) {
    mm_binding *bound = &e->bound[b->index];
    if (memcmp(bound, b, sizeof *b) == 0) return;
    // Without a limit to take back, a new offset is enough.
    if (bound->buffer == b->buffer && !e->limits)
        [e->encoder setBufferOffset:(NSUInteger)b->offset_bytes atIndex:b->index];
    else
        [e->encoder setBuffer:b->buffer->metal
                       offset:(NSUInteger)b->offset_bytes
                      atIndex:b->index];
    if (e->limits && b->size_bytes)
        [(id<SoftMetalEncoder>)e->encoder softMetalSetBufferLimit:(NSUInteger)b->size_bytes
                                                          atIndex:b->index];
    *bound = *b;
}

static void encode(encoding *e, const mm_submission *s, const mm_dispatch *d) {
    if (e->pipeline != d->pipeline) {
        [e->encoder setComputePipelineState:d->pipeline->metal];
        e->pipeline = d->pipeline;
    }
    for (uint32_t i = 0; i < d->binding_count; i++)
        set_binding(e, &s->bindings[d->first_binding + i]);
    if (d->argument_bytes)
        [e->encoder setBytes:(const char *)s->arguments + d->argument_offset
                      length:d->argument_bytes
                     atIndex:0];
    if (e->threadgroup_bytes != d->threadgroup_bytes) {
        [e->encoder setThreadgroupMemoryLength:d->threadgroup_bytes atIndex:0];
        e->threadgroup_bytes = d->threadgroup_bytes;
    }
    const uint32_t *g = d->threadgroups, *t = d->threads;
    [e->encoder dispatchThreadgroups:MTLSizeMake(g[0], g[1], g[2])
               threadsPerThreadgroup:MTLSizeMake(t[0], t[1], t[2])];
}

static encoding begin(id<MTLCommandBuffer> commands) {
    encoding e = {0};
    e.encoder = [commands computeCommandEncoderWithDispatchType:MTLDispatchTypeConcurrent];
    e.limits = [(id)e.encoder respondsToSelector:@selector(softMetalSetBufferLimit:atIndex:)];
    return e;
}

static const char *failure_of(id<MTLCommandBuffer> commands) {
    if ([commands status] != MTLCommandBufferStatusError) return NULL;
    const char *text = [[[commands error] localizedDescription] UTF8String];
    return text ? text : "Metal gives no reason";
}

// Ends a submission from a completion handler: `event` is dropped, and raised by the host when
// the device does not do it.
static void finish(mm_event *event, uint64_t value, const char *failure, BOOL raise) {
    if (event) {
        id<MTLSharedEvent> metal = [event->metal retain];
        if (failure) mm_event_fail(event, value, failure);
        mm_event_drop(event);
        mm_submissions--;
        if ((raise || failure) && [metal signaledValue] < value) [metal setSignaledValue:value];
        [metal release];
    } else {
        mm_submissions--;
    }
}

static mm_status submit_whole(mm_queue *queue, const mm_submission *s, mm_error *error) {
    id<MTLCommandBuffer> commands = [queue->metal commandBuffer];
    if (!commands) return mm_fail(error, MM_OUT_OF_MEMORY, "Metal refused a command buffer");
    if (s->wait_event)
        [commands encodeWaitForEvent:s->wait_event->metal value:s->wait_value];
    if (s->dispatch_count) {
        encoding e = begin(commands);
        BOOL barrier = NO;
        for (uint32_t i = 0; i < s->dispatch_count; i++) {
            const mm_dispatch *d = &s->dispatches[i];
            barrier |= (d->flags & MM_BARRIER_BEFORE) != 0;
            if (is_skipped(d)) continue;
            if (barrier) [e.encoder memoryBarrierWithScope:MTLBarrierScopeBuffers];
            barrier = NO;
            encode(&e, s, d);
        }
        [e.encoder endEncoding];
    }
    mm_event *event = s->signal_event ? mm_event_retain(s->signal_event) : NULL;
    uint64_t value = s->signal_value;
    if (event) [commands encodeSignalEvent:event->metal value:value];
    mm_submissions++;
    [commands addCompletedHandler:^(id<MTLCommandBuffer> done) {
        @autoreleasepool {
            finish(event, value, failure_of(done), NO);
        }
    }];
    [commands commit];
    return mm_succeed(error);
}

// ---- One by one, with times ----

// What the completion handlers of a timed submission share.
typedef struct {
    mm_dispatch_result *results;
    mm_traffic *traffic;
    mm_event *event;
    uint64_t value;
    pthread_mutex_t mutex;
    uint32_t remaining; // command buffers
    char *failure;      // the first
} timing;

// A dispatch's part of the bindings, kept for its completion handler.
typedef struct {
    uint32_t dispatch, first_binding, binding_count;
    uint8_t index[30];
} timed_dispatch;

static void store(timing *t, const timed_dispatch *d, id<MTLCommandBuffer> done) {
    mm_dispatch_result *result = &t->results[d->dispatch];
    result->start_seconds = [done GPUStartTime];
    result->end_seconds = [done GPUEndTime];
    if (![(id)done respondsToSelector:@selector(softMetalCountersOfDispatch:)]) return;
    SoftMetalCounters counters =
        [(id<SoftMetalCommandBuffer>)done softMetalCountersOfDispatch:0];
    result->threads = counters.threads;
    result->barriers = counters.barriers;
    result->simd_operations = counters.simdOperations;
    result->threadgroup_bytes = counters.threadgroupBytes;
    for (uint32_t i = 0; t->traffic && i < d->binding_count; i++) {
        const SoftMetalTraffic *from = &counters.traffic[d->index[i]];
        mm_traffic *to = &t->traffic[d->first_binding + i];
        to->bytes_read = from->bytesRead;
        to->bytes_written = from->bytesWritten;
        to->unique_bytes_read = from->uniqueBytesRead;
        to->unique_bytes_written = from->uniqueBytesWritten;
    }
}

static void complete(timing *t, const timed_dispatch *d, id<MTLCommandBuffer> done) {
    const char *failure = failure_of(done);
    pthread_mutex_lock(&t->mutex);
    store(t, d, done);
    if (failure && !t->failure) t->failure = strdup(failure);
    bool last = --t->remaining == 0;
    pthread_mutex_unlock(&t->mutex);
    if (!last) return;
    finish(t->event, t->value, t->failure, YES);
    pthread_mutex_destroy(&t->mutex);
    free(t->failure);
    free(t);
}

static timed_dispatch timed(const mm_submission *s, uint32_t i) {
    const mm_dispatch *d = &s->dispatches[i];
    timed_dispatch t = {i, d->first_binding, d->binding_count, {0}};
    for (uint32_t k = 0; k < d->binding_count; k++)
        t.index[k] = (uint8_t)s->bindings[d->first_binding + k].index;
    return t;
}

static timing *make_timing(const mm_submission *s) {
    timing *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->results = s->results;
    t->traffic = s->traffic;
    t->event = s->signal_event ? mm_event_retain(s->signal_event) : NULL;
    t->value = s->signal_value;
    pthread_mutex_init(&t->mutex, NULL);
    for (uint32_t i = 0; i < s->dispatch_count; i++) t->remaining += !is_skipped(&s->dispatches[i]);
    memset(s->results, 0, s->dispatch_count * sizeof *s->results);
    if (s->traffic) memset(s->traffic, 0, s->binding_count * sizeof *s->traffic);
    return t;
}

// Command buffers of one queue run one after the other, which stands in for the barriers: all
// resources are tracked.
static mm_status submit_timed(mm_queue *queue, const mm_submission *s, mm_error *error) {
    timing *t = make_timing(s);
    if (!t) return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
    mm_submissions++;
    BOOL first = YES;
    for (uint32_t i = 0; i < s->dispatch_count; i++) {
        if (is_skipped(&s->dispatches[i])) continue;
        @autoreleasepool {
            id<MTLCommandBuffer> commands = [queue->metal commandBuffer];
            if (first && s->wait_event)
                [commands encodeWaitForEvent:s->wait_event->metal value:s->wait_value];
            first = NO;
            encoding e = begin(commands);
            encode(&e, s, &s->dispatches[i]);
            [e.encoder endEncoding];
            timed_dispatch d = timed(s, i);
            [commands addCompletedHandler:^(id<MTLCommandBuffer> done) {
                @autoreleasepool {
                    complete(t, &d, done);
                }
            }];
            [commands commit];
        }
    }
    return mm_succeed(error);
}

static bool runs_anything(const mm_submission *s) {
    for (uint32_t i = 0; i < s->dispatch_count; i++)
        if (!is_skipped(&s->dispatches[i])) return true;
    return false;
}

mm_status mm_submit(mm_queue *queue, const mm_submission *submission, mm_error *error) {
    MM_ARGUMENT(mm_is(queue, MM_KIND_QUEUE), error, "not a queue");
    MM_ARGUMENT(submission, error, "submission is null");
    @autoreleasepool {
        mm_status status = check(queue, submission, error);
        if (status != MM_OK) return status;
        if (submission->results && runs_anything(submission))
            return submit_timed(queue, submission, error);
        return submit_whole(queue, submission, error);
    }
}
