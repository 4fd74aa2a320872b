#import "shim.h"

#include <string.h>
#include <unistd.h>

static mm_status check_size(mm_device *device, uint64_t size_bytes, mm_error *error) {
    uint64_t most = [device->metal maxBufferLength];
    MM_ARGUMENT(size_bytes > 0 && size_bytes <= most, error,
                "size_bytes: expected 1 to %llu, got %llu", (unsigned long long)most,
                (unsigned long long)size_bytes);
    return MM_OK;
}

// Takes over the reference to `metal`, which may be nil.
static mm_status make_handle(id<MTLBuffer> metal, uint32_t storage, uint64_t size_bytes,
                             uint64_t allocated_bytes, mm_buffer **buffer, mm_error *error) {
    if (!metal)
        return mm_fail(error, MM_OUT_OF_MEMORY, "Metal refused a buffer of %llu bytes",
                       (unsigned long long)size_bytes);
    mm_buffer *handle = mm_handle_new(MM_KIND_BUFFER, sizeof *handle);
    if (!handle) {
        [metal release];
        return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
    }
    handle->storage = storage;
    handle->size_bytes = size_bytes;
    handle->allocated_bytes = allocated_bytes;
    handle->metal = metal;
    mm_allocations++;
    mm_allocated_bytes += (int64_t)allocated_bytes;
    *buffer = handle;
    return mm_succeed(error);
}

mm_status mm_buffer_create(mm_device *device, uint64_t size_bytes, uint32_t storage,
                           mm_buffer **buffer, mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(buffer, error, "buffer is null");
    MM_ARGUMENT(storage == MM_STORAGE_SHARED || storage == MM_STORAGE_PRIVATE, error,
                "storage is %u", storage);
    @autoreleasepool {
        mm_status status = check_size(device, size_bytes, error);
        if (status != MM_OK) return status;
        MTLResourceOptions options = storage == MM_STORAGE_PRIVATE ? MTLResourceStorageModePrivate
                                                                   : MTLResourceStorageModeShared;
        id<MTLBuffer> metal = [device->metal newBufferWithLength:(NSUInteger)size_bytes
                                                         options:options];
        if (storage == MM_STORAGE_SHARED && metal)
            memset([metal contents], 0, (size_t)size_bytes);
        return make_handle(metal, storage, size_bytes, size_bytes, buffer, error);
    }
}

mm_status mm_buffer_wrap(mm_device *device, void *memory, uint64_t size_bytes,
                         mm_buffer **buffer, mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(buffer, error, "buffer is null");
    @autoreleasepool {
        mm_device_info info;
        mm_device_info_get(device, &info);
        MM_ARGUMENT(memory && (uintptr_t)memory % info.page_bytes == 0, error,
                    "memory: expected a multiple of %llu, got %p",
                    (unsigned long long)info.page_bytes, memory);
        mm_status status = check_size(device, size_bytes, error);
        if (status != MM_OK) return status;
        MM_ARGUMENT(size_bytes % info.page_bytes == 0, error,
                    "size_bytes: expected a multiple of %llu, got %llu",
                    (unsigned long long)info.page_bytes, (unsigned long long)size_bytes);
        id<MTLBuffer> metal =
            [device->metal newBufferWithBytesNoCopy:memory
                                             length:(NSUInteger)size_bytes
                                            options:MTLResourceStorageModeShared
                                        deallocator:nil];
        return make_handle(metal, MM_STORAGE_SHARED, size_bytes, 0, buffer, error);
    }
}

mm_status mm_buffer_contents(mm_buffer *buffer, void **contents, uint64_t *size_bytes) {
    MM_ARGUMENT(mm_is(buffer, MM_KIND_BUFFER), NULL, "not a buffer");
    MM_ARGUMENT(contents && size_bytes, NULL, "contents or size_bytes is null");
    if (buffer->storage != MM_STORAGE_SHARED) return MM_UNSUPPORTED;
    *contents = [buffer->metal contents];
    *size_bytes = buffer->size_bytes;
    return MM_OK;
}

mm_status mm_buffer_set_written(mm_buffer *buffer, uint64_t offset_bytes, uint64_t size_bytes,
                                uint32_t written) {
    MM_ARGUMENT(mm_is(buffer, MM_KIND_BUFFER), NULL, "not a buffer");
    MM_ARGUMENT(offset_bytes <= buffer->size_bytes &&
                    size_bytes <= buffer->size_bytes - offset_bytes,
                NULL, "beyond the buffer's end");
    id metal = buffer->metal;
    if (![metal respondsToSelector:@selector(softMetalSetWritten:range:)]) return MM_UNSUPPORTED;
    @autoreleasepool {
        NSRange range = NSMakeRange((NSUInteger)offset_bytes, (NSUInteger)size_bytes);
        [(id<SoftMetalBuffer>)metal softMetalSetWritten:written != 0 range:range];
        return MM_OK;
    }
}

void mm_buffer_release(mm_buffer *buffer) {
    if (!mm_is(buffer, MM_KIND_BUFFER)) return;
    @autoreleasepool {
        mm_allocated_bytes -= (int64_t)buffer->allocated_bytes;
        [buffer->metal release];
        mm_handle_free(buffer);
    }
}
