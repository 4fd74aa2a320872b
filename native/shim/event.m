#import "shim.h"

#include <stdlib.h>
#include <string.h>

mm_status mm_event_create(mm_device *device, mm_event **event, mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(event, error, "event is null");
    @autoreleasepool {
        id<MTLSharedEvent> metal = [device->metal newSharedEvent];
        if (!metal) return mm_fail(error, MM_OUT_OF_MEMORY, "Metal refused an event");
        mm_event *handle = mm_handle_new(MM_KIND_EVENT, sizeof *handle);
        if (!handle) {
            [metal release];
            return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
        }
        handle->metal = metal;
        handle->references = 1;
        pthread_mutex_init(&handle->mutex, NULL);
        *event = handle;
        return mm_succeed(error);
    }
}

mm_event *mm_event_retain(mm_event *event) {
    event->references++;
    return event;
}

void mm_event_drop(mm_event *event) {
    if (--event->references > 0) return;
    [event->metal release];
    free(event->failure);
    pthread_mutex_destroy(&event->mutex);
    mm_handle_free(event);
}

// The text is kept before the value is raised, so that whoever waits for the value finds it.
void mm_event_fail(mm_event *event, uint64_t value, const char *text) {
    pthread_mutex_lock(&event->mutex);
    if (!event->failed_value) {
        event->failed_value = value;
        event->failure = strdup(text ? text : "Metal gives no reason");
    }
    pthread_mutex_unlock(&event->mutex);
}

mm_status mm_event_value(mm_event *event, uint64_t *value) {
    MM_ARGUMENT(mm_is(event, MM_KIND_EVENT), NULL, "not an event");
    MM_ARGUMENT(value, NULL, "value is null");
    *value = [event->metal signaledValue];
    return MM_OK;
}

// MM_OK when no work that was to signal a value up to this one has failed.
static mm_status outcome(mm_event *event, uint64_t value, mm_error *error) {
    mm_status status = MM_OK;
    pthread_mutex_lock(&event->mutex);
    if (event->failed_value && event->failed_value <= value)
        status = mm_fail(error, MM_EXECUTION_FAILED, "%s", event->failure);
    pthread_mutex_unlock(&event->mutex);
    return status == MM_OK ? mm_succeed(error) : status;
}

mm_status mm_event_wait(mm_event *event, uint64_t value, uint64_t timeout_milliseconds,
                        mm_error *error) {
    MM_ARGUMENT(mm_is(event, MM_KIND_EVENT), error, "not an event");
    bool reached = true;
    @autoreleasepool {
        // Also after a failure: the caller may free what the work still uses.
        if ([event->metal signaledValue] < value)
            reached = [event->metal waitUntilSignaledValue:value timeoutMS:timeout_milliseconds];
    }
    if (!reached)
        return mm_fail(error, MM_TIMEOUT, "the event has not reached %llu after %llu ms",
                       (unsigned long long)value, (unsigned long long)timeout_milliseconds);
    return outcome(event, value, error);
}

void mm_event_release(mm_event *event) {
    if (!mm_is(event, MM_KIND_EVENT)) return;
    @autoreleasepool {
        mm_event_drop(event);
    }
}
