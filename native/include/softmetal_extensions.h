// What the software Metal offers beyond Apple's API. Its objects answer these selectors; the
// shim asks with respondsToSelector: before it sends one, so that it runs on any Metal.
#pragma once
#import <Foundation/Foundation.h>

typedef struct {
    BOOL memory;      // bounds, races, unwritten memory; counts traffic
    BOOL hazards;     // a missing barrier between dispatches
    uint64_t shuffle; // another order of lanes, threadgroups and unordered dispatches
} SoftMetalChecks;

typedef NS_ENUM(NSUInteger, SoftMetalFault) {
    SoftMetalFaultAllocation = 1,
    SoftMetalFaultCompile = 2,
    SoftMetalFaultPipeline = 3,
    SoftMetalFaultExecution = 4,
};

typedef struct {
    uint64_t bytesRead, bytesWritten, uniqueBytesRead, uniqueBytesWritten;
} SoftMetalTraffic;

typedef struct {
    uint64_t threads, barriers, simdOperations, threadgroupBytes;
    SoftMetalTraffic traffic[31]; // by buffer index; zeros without the memory check
} SoftMetalCounters;

@protocol SoftMetalDevice
- (void)softMetalSetChecks:(SoftMetalChecks)checks;
// The operation after the next `after` ones fails, `count` times.
- (void)softMetalInject:(SoftMetalFault)fault after:(uint32_t)after count:(uint32_t)count;
// Objects that live in this process, devices left out.
- (int64_t)softMetalLiveObjects;
// Alignment and granularity of buffers over existing memory: the system's page size, or what
// SOFTMETAL_PAGE_BYTES says (16384 on Apple Silicon).
- (NSUInteger)softMetalPageBytes;
// Why kernels cannot be compiled here; nil when they can.
- (NSString *)softMetalUnavailable;
@end

@protocol SoftMetalBuffer
// NO also fills the range with 0xff, a NaN in every float format.
- (void)softMetalSetWritten:(BOOL)written range:(NSRange)range;
@end

@protocol SoftMetalEncoder
// The kernel may touch only this much from the offset of the buffer set last at the index.
- (void)softMetalSetBufferLimit:(NSUInteger)bytes atIndex:(NSUInteger)index;
@end

@protocol SoftMetalCommandBuffer
// Of the dispatch with this number in the command buffer. Only once it has finished.
- (SoftMetalCounters)softMetalCountersOfDispatch:(NSUInteger)index;
@end
