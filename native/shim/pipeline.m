#import "shim.h"

#include <string.h>

static mm_status set_constants(MTLFunctionConstantValues *values, const mm_constant *constants,
                               uint32_t count, mm_error *error) {
    for (uint32_t i = 0; i < count; i++) {
        const mm_constant *c = &constants[i];
        MM_ARGUMENT(c->index <= 65535, error, "constant %u: index %u", i, c->index);
        static const MTLDataType types[] = {
            [MM_CONSTANT_BOOL] = MTLDataTypeBool,
            [MM_CONSTANT_INT] = MTLDataTypeInt,
            [MM_CONSTANT_UINT] = MTLDataTypeUInt,
            [MM_CONSTANT_FLOAT] = MTLDataTypeFloat,
        };
        MM_ARGUMENT(c->type >= MM_CONSTANT_BOOL && c->type <= MM_CONSTANT_FLOAT, error,
                    "constant %u: type %u", i, c->type);
        MM_ARGUMENT(c->type != MM_CONSTANT_BOOL || c->bits <= 1, error,
                    "constant %u: a bool of value %u", i, c->bits);
        // On a little-endian machine a bool is the first byte of bits.
        [values setConstantValue:&c->bits type:types[c->type] atIndex:c->index];
    }
    return MM_OK;
}

static mm_status create(mm_library *library, const char *name,
                        MTLFunctionConstantValues *values, mm_pipeline **pipeline,
                        mm_error *error) {
    NSError *cause = nil;
    NSString *wanted = [NSString stringWithUTF8String:name];
    MM_ARGUMENT(wanted, error, "function: expected text in UTF-8");
    if (![[library->metal functionNames] containsObject:wanted])
        return mm_fail(error, MM_NOT_FOUND, "%s: not a kernel of %s", name,
                       [[library->metal label] UTF8String]);
    id<MTLFunction> function = [library->metal newFunctionWithName:wanted
                                                    constantValues:values
                                                             error:&cause];
    if (!function) return mm_fail_with(error, MM_PIPELINE_FAILED, cause);
    id<MTLComputePipelineState> metal =
        [library->device newComputePipelineStateWithFunction:function error:&cause];
    [function release];
    if (!metal) return mm_fail_with(error, MM_PIPELINE_FAILED, cause);
    mm_pipeline *handle = mm_handle_new(MM_KIND_PIPELINE, sizeof *handle);
    if (!handle) {
        [metal release];
        return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
    }
    handle->metal = metal;
    handle->max_threads = (uint32_t)[metal maxTotalThreadsPerThreadgroup];
    *pipeline = handle;
    return mm_succeed(error);
}

mm_status mm_pipeline_create(mm_library *library, const char *function,
                             const mm_constant *constants, uint32_t constant_count,
                             mm_pipeline **pipeline, mm_error *error) {
    MM_ARGUMENT(mm_is(library, MM_KIND_LIBRARY), error, "not a library");
    MM_ARGUMENT(function && pipeline, error, "function or pipeline is null");
    MM_ARGUMENT(constants || constant_count == 0, error, "constants is null");
    @autoreleasepool {
        MTLFunctionConstantValues *values =
            [[[MTLFunctionConstantValues alloc] init] autorelease];
        mm_status status = set_constants(values, constants, constant_count, error);
        if (status != MM_OK) return status;
        return create(library, function, values, pipeline, error);
    }
}

mm_status mm_pipeline_info_get(mm_pipeline *pipeline, mm_pipeline_info *info) {
    MM_ARGUMENT(mm_is(pipeline, MM_KIND_PIPELINE), NULL, "not a pipeline");
    MM_ARGUMENT(info, NULL, "info is null");
    @autoreleasepool {
        id<MTLComputePipelineState> metal = pipeline->metal;
        info->max_threads_per_threadgroup = pipeline->max_threads;
        info->simd_width = (uint32_t)[metal threadExecutionWidth];
        info->static_threadgroup_bytes = (uint32_t)[metal staticThreadgroupMemoryLength];
        return MM_OK;
    }
}

void mm_pipeline_release(mm_pipeline *pipeline) {
    if (!mm_is(pipeline, MM_KIND_PIPELINE)) return;
    @autoreleasepool {
        [pipeline->metal release];
        mm_handle_free(pipeline);
    }
}
