#import "objects.h"

#include <string.h>

@implementation SoftMetalComputeEncoder

- (id)initWithCommandBuffer:(SoftMetalCommandBuffer *)commandBuffer
               dispatchType:(MTLDispatchType)dispatchType {
    if (!(self = [super init])) return nil;
    _commandBuffer = [commandBuffer retain];
    _dispatchType = dispatchType;
    return self;
}

- (void)dealloc {
    if (!_ended) SoftMetalMisuse(@"an encoder was released before endEncoding");
    [_commandBuffer release];
    [super dealloc];
}

- (MTLDispatchType)dispatchType {
    return _dispatchType;
}

- (void)requireOpen {
    if (_ended) SoftMetalMisuse(@"encoding after endEncoding");
}

- (void)requireIndex:(NSUInteger)index {
    [self requireOpen];
    if (index >= sm_bindings)
        SoftMetalMisuse(@"index %lu, the last is %d", (unsigned long)index, sm_bindings - 1);
}

- (void)setComputePipelineState:(id<MTLComputePipelineState>)state {
    [self requireOpen];
    if (!state) SoftMetalMisuse(@"setComputePipelineState: nil");
    _pipeline = (SoftMetalPipeline *)state;
}

- (void)setBytes:(const void *)bytes length:(NSUInteger)length atIndex:(NSUInteger)index {
    [self requireIndex:index];
    if (!bytes || length == 0 || length > kLargestBytes)
        SoftMetalMisuse(@"setBytes: length %lu, allowed are 1 to %lu", (unsigned long)length,
                        (unsigned long)kLargestBytes);
    NSMutableData *store = _commandBuffer->_bytes;
    NSUInteger offset = ([store length] + 15) / 16 * 16;
    [store setLength:offset + length];
    memcpy((char *)[store mutableBytes] + offset, bytes, length);
    _bindings[index] = (SoftMetalBinding){.offset = offset, .length = length, .set = YES,
                                          .limited = YES};
}

- (void)setBuffer:(id<MTLBuffer>)buffer offset:(NSUInteger)offset atIndex:(NSUInteger)index {
    [self requireIndex:index];
    SoftMetalBuffer *soft = (SoftMetalBuffer *)buffer;
    if (soft && offset >= soft->_length)
        SoftMetalMisuse(@"setBuffer: offset %lu in a buffer of %lu bytes", (unsigned long)offset,
                        (unsigned long)soft->_length);
    _bindings[index] = (SoftMetalBinding){0};
    if (soft)
        _bindings[index] = (SoftMetalBinding){.buffer = soft, .offset = offset,
                                              .length = soft->_length - offset, .set = YES};
}

- (void)setBufferOffset:(NSUInteger)offset atIndex:(NSUInteger)index {
    [self requireIndex:index];
    if (!_bindings[index].buffer)
        SoftMetalMisuse(@"setBufferOffset: no buffer at index %lu", (unsigned long)index);
    [self setBuffer:_bindings[index].buffer offset:offset atIndex:index];
}

- (void)softMetalSetBufferLimit:(NSUInteger)bytes atIndex:(NSUInteger)index {
    [self requireIndex:index];
    if (bytes == 0 || bytes > _bindings[index].length)
        SoftMetalMisuse(@"softMetalSetBufferLimit: %lu of %lu bytes", (unsigned long)bytes,
                        (unsigned long)_bindings[index].length);
    _bindings[index].length = bytes;
    _bindings[index].limited = YES;
}

- (void)setThreadgroupMemoryLength:(NSUInteger)length atIndex:(NSUInteger)index {
    [self requireIndex:index];
    if (length % 16 || length > kThreadgroupMemory)
        SoftMetalMisuse(@"setThreadgroupMemoryLength: %lu, allowed are multiples of 16 up to %lu",
                        (unsigned long)length, (unsigned long)kThreadgroupMemory);
    _threadgroupBytes[index] = length;
}

- (void)dispatch:(MTLSize)grid threads:(MTLSize)threads exact:(BOOL)exact {
    [self requireOpen];
    if (!_pipeline) SoftMetalMisuse(@"dispatch without a pipeline");
    NSUInteger total = threads.width * threads.height * threads.depth;
    if (total == 0 || total > [_pipeline maxTotalThreadsPerThreadgroup])
        SoftMetalMisuse(@"dispatch of %@: %lu threads per threadgroup, allowed are 1 to %lu",
                        [_pipeline functionName], (unsigned long)total,
                        (unsigned long)[_pipeline maxTotalThreadsPerThreadgroup]);
    if (grid.width == 0 || grid.height == 0 || grid.depth == 0)
        SoftMetalMisuse(@"dispatch of %@ over an empty grid", [_pipeline functionName]);
    SoftMetalCommand command = {.kind = SoftMetalRun, .pipeline = _pipeline, .grid = grid,
                                .threads = threads, .exact = exact};
    command.concurrent = _dispatchType == MTLDispatchTypeConcurrent;
    memcpy(command.bindings, _bindings, sizeof _bindings);
    memcpy(command.threadgroupBytes, _threadgroupBytes, sizeof _threadgroupBytes);
    [_commandBuffer addCommand:&command];
}

- (void)dispatchThreadgroups:(MTLSize)threadgroupsPerGrid
       threadsPerThreadgroup:(MTLSize)threadsPerThreadgroup {
    [self dispatch:threadgroupsPerGrid threads:threadsPerThreadgroup exact:NO];
}

- (void)dispatchThreads:(MTLSize)threadsPerGrid
    threadsPerThreadgroup:(MTLSize)threadsPerThreadgroup {
    [self dispatch:threadsPerGrid threads:threadsPerThreadgroup exact:YES];
}

- (void)memoryBarrierWithScope:(MTLBarrierScope)scope {
    [self requireOpen];
    if (!(scope & MTLBarrierScopeBuffers)) return;
    SoftMetalCommand barrier = {.kind = SoftMetalBarrier};
    [_commandBuffer addCommand:&barrier];
}

- (void)endEncoding {
    [self requireOpen];
    _ended = YES;
    [_commandBuffer encoderEnded];
}

@end
