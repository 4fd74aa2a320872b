#import "shim.h"

#include <string.h>
#include <unistd.h>

static NSUInteger page_bytes(id<MTLDevice> device) {
    if ([(id)device respondsToSelector:@selector(softMetalPageBytes)])
        return [(id<SoftMetalDevice>)device softMetalPageBytes];
    return (NSUInteger)getpagesize();
}

static bool is_software(id<MTLDevice> device) {
    return [(id)device respondsToSelector:@selector(softMetalSetChecks:)];
}

// The highest Apple family, 0 for a GPU of another maker.
static uint32_t apple_family(id<MTLDevice> device) {
    for (uint32_t family = 10; family > 0; family--)
        if ([device supportsFamily:(MTLGPUFamily)(MTLGPUFamilyApple1 + family - 1)])
            return family;
    return 0;
}

mm_status mm_device_count(uint32_t *count) {
    MM_ARGUMENT(count, NULL, "count is null");
    @autoreleasepool {
        NSArray *devices = MTLCopyAllDevices();
        *count = (uint32_t)[devices count];
        [devices release];
        return MM_OK;
    }
}

// Retained; nil when there is none.
static id<MTLDevice> device_at(uint32_t index) {
    if (index == 0) return MTLCreateSystemDefaultDevice();
    NSArray *devices = MTLCopyAllDevices();
    id<MTLDevice> device =
        index < [devices count] ? [[devices objectAtIndex:index] retain] : nil;
    [devices release];
    return device;
}

mm_status mm_device_create(uint32_t index, mm_device **device, mm_error *error) {
    MM_ARGUMENT(device, error, "device is null");
    @autoreleasepool {
        id<MTLDevice> metal = device_at(index);
        if (!metal) return mm_fail(error, MM_NO_DEVICE, "Metal has no device %u", index);
        if ([(id)metal respondsToSelector:@selector(softMetalUnavailable)]) {
            NSString *reason = [(id<SoftMetalDevice>)metal softMetalUnavailable];
            if (reason) {
                [metal release];
                return mm_fail(error, MM_NO_DEVICE, "%s", [reason UTF8String]);
            }
        }
        mm_device *handle = mm_handle_new(MM_KIND_DEVICE, sizeof *handle);
        if (!handle) {
            [metal release];
            return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
        }
        handle->metal = metal;
        *device = handle;
        return mm_succeed(error);
    }
}

void mm_device_release(mm_device *device) {
    if (!mm_is(device, MM_KIND_DEVICE)) return;
    @autoreleasepool {
        [device->metal release];
        mm_handle_free(device);
    }
}

mm_status mm_device_info_get(mm_device *device, mm_device_info *info) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), NULL, "not a device");
    MM_ARGUMENT(info, NULL, "info is null");
    @autoreleasepool {
        id<MTLDevice> metal = device->metal;
        memset(info, 0, sizeof *info);
        const char *name = [[metal name] UTF8String];
        strncpy(info->name, name ? name : "", sizeof info->name - 1);
        info->registry_id = [metal registryID];
        info->max_buffer_bytes = [metal maxBufferLength];
        info->max_working_set_bytes = [metal recommendedMaxWorkingSetSize];
        info->page_bytes = page_bytes(metal);
        info->max_threadgroup_bytes = (uint32_t)[metal maxThreadgroupMemoryLength];
        info->max_threads_per_threadgroup = (uint32_t)[metal maxThreadsPerThreadgroup].width;
        info->max_argument_bytes = 4096; // of setBytes
        info->max_binding_index = 30;
        info->apple_family = apple_family(metal);
        if ([metal hasUnifiedMemory]) info->flags |= MM_DEVICE_UNIFIED_MEMORY;
        if (@available(macOS 15.0, *)) info->flags |= MM_DEVICE_RESIDENCY_SETS;
        if (is_software(metal)) info->flags |= MM_DEVICE_SOFTWARE;
        if (mm_metallib_embedded()) info->flags |= MM_DEVICE_METALLIB;
        return MM_OK;
    }
}

mm_status mm_device_set_checks(mm_device *device, const mm_checks *checks) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), NULL, "not a device");
    MM_ARGUMENT(checks, NULL, "checks is null");
    if (!is_software(device->metal)) return MM_UNSUPPORTED;
    @autoreleasepool {
        SoftMetalChecks wanted = {checks->memory != 0, checks->hazards != 0, checks->shuffle};
        [(id<SoftMetalDevice>)device->metal softMetalSetChecks:wanted];
        return MM_OK;
    }
}

mm_status mm_device_inject(mm_device *device, uint32_t fault, uint32_t after, uint32_t count) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), NULL, "not a device");
    MM_ARGUMENT(fault >= MM_FAULT_ALLOCATION && fault <= MM_FAULT_EXECUTION, NULL,
                "fault is %u", fault);
    if (!is_software(device->metal)) return MM_UNSUPPORTED;
    @autoreleasepool {
        [(id<SoftMetalDevice>)device->metal softMetalInject:(SoftMetalFault)fault
                                                      after:after
                                                      count:count];
        return MM_OK;
    }
}
