#import "shim.h"

mm_status mm_queue_create(mm_device *device, mm_queue **queue, mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(queue, error, "queue is null");
    @autoreleasepool {
        // Timed submissions have a command buffer per dispatch; all of them may be in flight.
        id<MTLCommandQueue> metal =
            [device->metal newCommandQueueWithMaxCommandBufferCount:1024];
        if (!metal) return mm_fail(error, MM_OUT_OF_MEMORY, "Metal refused a queue");
        mm_queue *handle = mm_handle_new(MM_KIND_QUEUE, sizeof *handle);
        if (!handle) {
            [metal release];
            return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
        }
        handle->metal = metal;
        handle->device = [device->metal retain];
        pthread_mutex_init(&handle->mutex, NULL);
        *queue = handle;
        return mm_succeed(error);
    }
}

// Replaces the queue's set; nil takes it away. Takes over the reference.
static void replace_residency(mm_queue *queue, id residency) {
    if (@available(macOS 15.0, *)) {
        pthread_mutex_lock(&queue->mutex);
        id before = queue->residency;
        queue->residency = residency;
        if (residency) [queue->metal addResidencySet:residency];
        if (before) [queue->metal removeResidencySet:before];
        pthread_mutex_unlock(&queue->mutex);
        [before release];
    }
}

mm_status mm_queue_set_residency(mm_queue *queue, mm_buffer *const *buffers,
                                 uint32_t buffer_count, mm_error *error) {
    MM_ARGUMENT(mm_is(queue, MM_KIND_QUEUE), error, "not a queue");
    MM_ARGUMENT(buffers || buffer_count == 0, error, "buffers is null");
    for (uint32_t i = 0; i < buffer_count; i++)
        MM_ARGUMENT(mm_is(buffers[i], MM_KIND_BUFFER), error, "buffers[%u] is not a buffer", i);
    @autoreleasepool {
        if (@available(macOS 15.0, *)) {
            if (buffer_count == 0) {
                replace_residency(queue, nil);
                return mm_succeed(error);
            }
            MTLResidencySetDescriptor *descriptor =
                [[[MTLResidencySetDescriptor alloc] init] autorelease];
            descriptor.initialCapacity = buffer_count;
            NSError *cause = nil;
            id<MTLResidencySet> set =
                [queue->device newResidencySetWithDescriptor:descriptor error:&cause];
            if (!set) return mm_fail_with(error, MM_OUT_OF_MEMORY, cause);
            for (uint32_t i = 0; i < buffer_count; i++)
                [set addAllocation:buffers[i]->metal];
            [set commit];
            [set requestResidency];
            replace_residency(queue, set);
            return mm_succeed(error);
        }
        return mm_fail(error, MM_UNSUPPORTED, "residency sets need macOS 15");
    }
}

void mm_queue_release(mm_queue *queue) {
    if (!mm_is(queue, MM_KIND_QUEUE)) return;
    @autoreleasepool {
        replace_residency(queue, nil);
        [queue->metal release];
        [queue->device release];
        pthread_mutex_destroy(&queue->mutex);
        mm_handle_free(queue);
    }
}
