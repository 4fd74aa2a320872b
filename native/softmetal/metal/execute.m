// Runs a command buffer: commands in order, except that dispatches of a concurrent encoder with
// no barrier between them have no order. The checks take that at its word.
#import "objects.h"

#include <stdlib.h>
#include <string.h>

static NSError *failure(NSString *text) {
    return SoftMetalError(MTLCommandBufferErrorDomain, MTLCommandBufferErrorInternal, text);
}

static sm_range rangeOf(SoftMetalCommandBuffer *commandBuffer, const SoftMetalBinding *binding) {
    SoftMetalBuffer *buffer = binding->buffer;
    char *base = buffer ? buffer->_memory : [commandBuffer->_bytes mutableBytes];
    uint8_t *written = buffer && buffer->_written ? buffer->_written + binding->offset : NULL;
    return (sm_range){base + binding->offset, binding->length, written};
}

static NSError *runDispatch(SoftMetalCommandBuffer *commandBuffer, SoftMetalCommand *command,
                            SoftMetalChecks checks) {
    if ([[SoftMetalDevice sharedDevice] takeFault:SoftMetalFaultExecution])
        return failure(@"injected fault");
    NSError *error = nil;
    sm_pipeline *pipeline = [command->pipeline pipelineThatChecks:checks.memory error:&error];
    if (!pipeline) return error;
    sm_dispatch dispatch;
    memset(&dispatch, 0, sizeof dispatch);
    for (unsigned i = 0; i < sm_bindings; i++) {
        dispatch.threadgroup_bytes[i] = command->threadgroupBytes[i];
        // What earlier dispatches of the encoder bound stays set, but is not this kernel's.
        if (command->bindings[i].set && sm_pipeline_access(pipeline, i) != sm_unused)
            dispatch.buffers[i] = rangeOf(commandBuffer, &command->bindings[i]);
    }
    const MTLSize grid = command->grid, threads = command->threads;
    dispatch.grid[0] = (unsigned)grid.width;
    dispatch.grid[1] = (unsigned)grid.height;
    dispatch.grid[2] = (unsigned)grid.depth;
    dispatch.threads[0] = (unsigned)threads.width;
    dispatch.threads[1] = (unsigned)threads.height;
    dispatch.threads[2] = (unsigned)threads.depth;
    dispatch.exact = command->exact;
    dispatch.shuffle = checks.shuffle;
    sm_counters counters;
    char *text = NULL;
    if (!sm_pipeline_dispatch(pipeline, &dispatch, &counters, &text))
        return SoftMetalErrorFromText(MTLCommandBufferErrorDomain, MTLCommandBufferErrorInternal,
                                      text);
    _Static_assert(sizeof counters == sizeof command->counters, "the same fields");
    memcpy(&command->counters, &counters, sizeof counters);
    return nil;
}

// ---- Missing barriers ----

// A conflict between binding i of `first` and binding k of `second`, or nil.
static NSError *conflict(SoftMetalCommandBuffer *commandBuffer, SoftMetalCommand *first,
                         unsigned i, sm_access firstAccess, SoftMetalCommand *second, unsigned k,
                         sm_access secondAccess) {
    if (firstAccess == sm_unused || secondAccess == sm_unused) return nil;
    if (firstAccess == sm_reads && secondAccess == sm_reads) return nil;
    const SoftMetalBinding *a = &first->bindings[i], *b = &second->bindings[k];
    if (!a->buffer || !b->buffer || !a->limited || !b->limited) return nil;
    sm_range one = rangeOf(commandBuffer, a), two = rangeOf(commandBuffer, b);
    char *from = one.data > two.data ? one.data : two.data;
    char *oneEnd = (char *)one.data + one.bytes, *twoEnd = (char *)two.data + two.bytes;
    char *to = oneEnd < twoEnd ? oneEnd : twoEnd;
    if (from >= to) return nil;
    return failure([NSString
        stringWithFormat:@"[kernel %@] missing barrier: dispatch %lu %s buffer(%u), whose bytes "
                         @"%lu to %lu dispatch %lu (kernel %@) %s as its buffer(%u)",
                         [second->pipeline functionName], (unsigned long)second->number,
                         secondAccess == sm_writes ? "writes" : "reads", k,
                         (unsigned long)(from - (char *)two.data),
                         (unsigned long)(to - (char *)two.data), (unsigned long)first->number,
                         [first->pipeline functionName],
                         firstAccess == sm_writes ? "writes" : "reads", i]);
}

static NSError *checkPair(SoftMetalCommandBuffer *commandBuffer, SoftMetalCommand *first,
                          SoftMetalCommand *second, SoftMetalChecks checks) {
    NSError *error = nil;
    sm_pipeline *one = [first->pipeline pipelineThatChecks:checks.memory error:&error];
    sm_pipeline *two = [second->pipeline pipelineThatChecks:checks.memory error:&error];
    if (!one || !two) return error;
    for (unsigned i = 0; i < sm_bindings; i++) {
        if (!first->bindings[i].set) continue;
        sm_access access = sm_pipeline_access(one, i);
        for (unsigned k = 0; k < sm_bindings && access != sm_unused; k++) {
            if (!second->bindings[k].set) continue;
            NSError *found = conflict(commandBuffer, first, i, access, second, k,
                                      sm_pipeline_access(two, k));
            if (found) return found;
        }
    }
    return nil;
}

static NSError *checkHazards(SoftMetalCommandBuffer *commandBuffer, SoftMetalCommand *first,
                             NSUInteger count, SoftMetalChecks checks) {
    for (NSUInteger second = 1; second < count; second++)
        for (NSUInteger i = 0; i < second; i++) {
            NSError *error = checkPair(commandBuffer, first + i, first + second, checks);
            if (error) return error;
        }
    return nil;
}

// ---- Order ----

static void shuffle(NSUInteger *order, NSUInteger count, uint64_t seed) {
    for (NSUInteger i = count; i > 1; i--) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        NSUInteger other = (NSUInteger)(seed % i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

// Dispatches that Metal may run at the same time.
static NSError *runUnordered(SoftMetalCommandBuffer *commandBuffer, SoftMetalCommand *first,
                             NSUInteger count, SoftMetalChecks checks) {
    NSError *error = nil;
    if (checks.hazards) error = checkHazards(commandBuffer, first, count, checks);
    if (error) return error;
    NSUInteger order[count];
    for (NSUInteger i = 0; i < count; i++) order[i] = i;
    if (checks.shuffle) shuffle(order, count, checks.shuffle + first->number);
    for (NSUInteger i = 0; i < count && !error; i++)
        error = runDispatch(commandBuffer, first + order[i], checks);
    return error;
}

NSError *SoftMetalExecute(SoftMetalCommandBuffer *commandBuffer) {
    SoftMetalChecks checks = [[SoftMetalDevice sharedDevice] checks];
    NSError *error = nil;
    for (NSUInteger i = 0; i < commandBuffer->_count && !error;) {
        SoftMetalCommand *command = &commandBuffer->_commands[i];
        NSUInteger count = 1;
        switch (command->kind) {
            case SoftMetalBarrier: break;
            case SoftMetalWait:
                [command->event waitUntilSignaledValue:command->value timeoutMS:UINT64_MAX];
                break;
            case SoftMetalSignal: [command->event raiseTo:command->value]; break;
            case SoftMetalRun:
                while (command->concurrent && i + count < commandBuffer->_count &&
                       command[count].kind == SoftMetalRun)
                    count++;
                error = runUnordered(commandBuffer, command, count, checks);
                break;
        }
        i += count;
    }
    return error;
}
