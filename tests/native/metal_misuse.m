// Uses of the Metal API that Apple's validation layer stops, and small pieces of it that the
// shim does not use. Plain C for the tests in metal_classes_tests.cpp.
#import "metal_misuse.h"

#import <Metal/Metal.h>

#include <stdlib.h>
#include <string.h>

static id<MTLComputePipelineState> makePipeline(id<MTLDevice> device) {
    NSString *source = @"kernel void f(device float *x [[buffer(0)]]) { x[0] += 1.0f; }";
    id<MTLLibrary> library = [device newLibraryWithSource:source options:nil error:NULL];
    id<MTLFunction> function = [library newFunctionWithName:@"f"];
    id<MTLComputePipelineState> pipeline =
        [device newComputePipelineStateWithFunction:function error:NULL];
    [function release];
    [library release];
    return [pipeline autorelease];
}

typedef struct {
    id<MTLDevice> device;
    id<MTLCommandBuffer> commands;
    id<MTLComputeCommandEncoder> encoder;
    id<MTLComputePipelineState> pipeline;
    id<MTLBuffer> buffer;
} scene;

static void misuse(metal_misuse which, scene s) {
    static char bytes[4097];
    MTLSize one = MTLSizeMake(1, 1, 1);
    switch (which) {
        case METAL_TOO_MANY_BYTES:
            [s.encoder setBytes:bytes length:sizeof bytes atIndex:0];
            break;
        case METAL_BUFFER_INDEX: [s.encoder setBuffer:s.buffer offset:0 atIndex:31]; break;
        case METAL_BUFFER_OFFSET: [s.encoder setBuffer:s.buffer offset:64 atIndex:0]; break;
        case METAL_OFFSET_WITHOUT_BUFFER: [s.encoder setBufferOffset:0 atIndex:3]; break;
        case METAL_THREADGROUP_MULTIPLE:
            [s.encoder setThreadgroupMemoryLength:24 atIndex:0];
            break;
        case METAL_THREADGROUP_MEMORY:
            [s.encoder setThreadgroupMemoryLength:32784 atIndex:0];
            break;
        case METAL_NO_PIPELINE:
            [s.encoder dispatchThreadgroups:one threadsPerThreadgroup:one];
            break;
        case METAL_TOO_MANY_THREADS:
            [s.encoder setComputePipelineState:s.pipeline];
            [s.encoder dispatchThreadgroups:one threadsPerThreadgroup:MTLSizeMake(1025, 1, 1)];
            break;
        case METAL_EMPTY_GRID:
            [s.encoder setComputePipelineState:s.pipeline];
            [s.encoder dispatchThreads:MTLSizeMake(0, 1, 1) threadsPerThreadgroup:one];
            break;
        case METAL_SECOND_ENCODER: [s.commands computeCommandEncoder]; break;
        case METAL_COMMIT_OPEN: [s.commands commit]; break;
        case METAL_COMMIT_TWICE:
            [s.encoder endEncoding];
            [s.commands commit];
            [s.commands commit];
            break;
        case METAL_ENCODE_AFTER_END:
            [s.encoder endEncoding];
            [s.encoder setBuffer:s.buffer offset:0 atIndex:0];
            break;
        case METAL_WAIT_BEFORE_COMMIT: [s.commands waitUntilCompleted]; break;
        case METAL_UNALIGNED_MEMORY:
            [s.device newBufferWithBytesNoCopy:bytes + 1
                                        length:4096
                                       options:MTLResourceStorageModeShared
                                   deallocator:nil];
            break;
    }
}

char *metal_misuse_text(metal_misuse which) {
    char *text = NULL;
    @autoreleasepool {
        scene s;
        s.device = MTLCreateSystemDefaultDevice();
        id<MTLCommandQueue> queue = [s.device newCommandQueue];
        s.buffer = [s.device newBufferWithLength:64 options:MTLResourceStorageModeShared];
        s.pipeline = makePipeline(s.device);
        s.commands = [queue commandBuffer];
        s.encoder = [s.commands computeCommandEncoder];
        @try {
            misuse(which, s);
        } @catch (NSException *exception) {
            text = strdup([[exception reason] UTF8String]);
        }
        @try {
            [s.encoder endEncoding]; // some cases have done so
        } @catch (NSException *exception) {
        }
        [s.buffer release];
        [queue release];
        [s.device release];
    }
    return text;
}

int metal_handler_runs_before_the_wait_returns(void) {
    __block int seen = 0;
    @autoreleasepool {
        id<MTLDevice> device = MTLCreateSystemDefaultDevice();
        id<MTLCommandQueue> queue = [device newCommandQueue];
        id<MTLCommandBuffer> commands = [queue commandBuffer];
        id<MTLBuffer> buffer =
            [device newBufferWithLength:64 options:MTLResourceStorageModeShared];
        id<MTLComputeCommandEncoder> encoder = [commands computeCommandEncoder];
        [encoder setComputePipelineState:makePipeline(device)];
        [encoder setBuffer:buffer offset:32 atIndex:0];
        [encoder setBufferOffset:60 atIndex:0];
        [encoder dispatchThreads:MTLSizeMake(1, 1, 1) threadsPerThreadgroup:MTLSizeMake(32, 1, 1)];
        [encoder endEncoding];
        [commands addCompletedHandler:^(id<MTLCommandBuffer> done) {
            if ([done status] == MTLCommandBufferStatusCompleted) seen++;
        }];
        [commands commit];
        [commands waitUntilCompleted];
        if (((float *)[buffer contents])[15] == 1.0f) seen++;
        if ([commands GPUEndTime] >= [commands GPUStartTime]) seen++;
        [buffer release];
        [queue release];
        [device release];
    }
    return seen;
}

unsigned long metal_deallocated_bytes(void *memory, unsigned long bytes) {
    __block unsigned long freed = 0;
    @autoreleasepool {
        id<MTLDevice> device = MTLCreateSystemDefaultDevice();
        id<MTLBuffer> buffer =
            [device newBufferWithBytesNoCopy:memory
                                      length:bytes
                                     options:MTLResourceStorageModeShared
                                 deallocator:^(void *pointer, NSUInteger length) {
                                     if (pointer == memory) freed = length;
                                 }];
        if (freed) return 0; // too early
        [buffer release];
        [device release];
    }
    return freed;
}

int metal_residency_counts(void) {
    int count = -1;
    @autoreleasepool {
        id<MTLDevice> device = MTLCreateSystemDefaultDevice();
        MTLResidencySetDescriptor *descriptor =
            [[[MTLResidencySetDescriptor alloc] init] autorelease];
        id<MTLResidencySet> set = [device newResidencySetWithDescriptor:descriptor error:NULL];
        id<MTLBuffer> buffer =
            [device newBufferWithLength:64 options:MTLResourceStorageModeShared];
        [set addAllocation:buffer];
        [set addAllocation:buffer];
        [set commit];
        if ([set containsAllocation:buffer]) count = (int)[set allocationCount];
        [set removeAllAllocations];
        [set commit];
        count += 10 * (int)[set allocationCount];
        [buffer release];
        [set release];
        [device release];
    }
    return count;
}
