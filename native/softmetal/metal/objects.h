// The classes behind the Metal protocols. Instance variables and accessors are written by hand:
// the GNU runtime has fragile instances and no automatic property storage.
//
// Misuse that Apple's validation layer would stop raises SoftMetalMisuse, which nobody is meant
// to catch.
#pragma once

#import <Metal/Metal.h>

#include "bridge.h"
#include "softmetal_extensions.h"

#include <pthread.h>

static const NSUInteger kPageBytes = 16384; // Apple Silicon's: buffers begin at multiples
static const NSUInteger kLargestBytes = 4096; // of setBytes
static const NSUInteger kLargestThreadgroup = 1024;
static const NSUInteger kThreadgroupMemory = 32768;

void SoftMetalMisuse(NSString *format, ...) NS_FORMAT_FUNCTION(1, 2);
NSError *SoftMetalError(NSString *domain, NSInteger code, NSString *text);
NSError *SoftMetalErrorFromText(NSString *domain, NSInteger code, char *text); // frees the text
void SoftMetalWaitUntil(pthread_cond_t *condition, pthread_mutex_t *mutex, double deadline);
double SoftMetalSeconds(void);

// Counts itself, so that a leak anywhere is seen.
@interface SoftMetalObject : NSObject {
    NSString *_label;
}
+ (int64_t)live;
@property (copy, atomic) NSString *label;
@property (readonly) id<MTLDevice> device;
@end

@interface SoftMetalDevice : NSObject <MTLDevice, SoftMetalDevice> {
    pthread_mutex_t _mutex;
    SoftMetalChecks _checks;
    int64_t _faultAfter[SoftMetalFaultExecution + 1];
    int64_t _faultCount[SoftMetalFaultExecution + 1];
    NSUInteger _allocated, _maxBufferLength, _maxTotal, _pageBytes;
}
+ (SoftMetalDevice *)sharedDevice;
- (SoftMetalChecks)checks;
- (BOOL)takeFault:(SoftMetalFault)fault;
- (void)addAllocated:(NSInteger)bytes;
@end

@interface SoftMetalBuffer : SoftMetalObject <MTLBuffer, SoftMetalBuffer> {
  @public
    char *_memory;
    NSUInteger _length;
    uint8_t *_written; // a byte for each byte once a range has been marked unwritten
  @protected
    NSUInteger _mapped; // bytes of our own mapping; 0: the memory is someone else's
    MTLResourceOptions _options;
    void (^_deallocator)(void *, NSUInteger);
}
- (id)initWithLength:(NSUInteger)length options:(MTLResourceOptions)options;
- (id)initWithMemory:(void *)memory
              length:(NSUInteger)length
             options:(MTLResourceOptions)options
         deallocator:(void (^)(void *, NSUInteger))deallocator;
@end

@interface SoftMetalLibrary : SoftMetalObject <MTLLibrary> {
  @public
    sm_library *_library;
}
- (id)initWithLibrary:(sm_library *)library;
@end

@interface MTLFunctionConstantValues (SoftMetal)
- (NSDictionary *)values; // NSNumber of the index to NSData
@end

@interface SoftMetalFunction : SoftMetalObject <MTLFunction> {
  @public
    SoftMetalLibrary *_library;
    NSString *_name;
    NSDictionary *_constants;
}
- (id)initWithLibrary:(SoftMetalLibrary *)library
                 name:(NSString *)name
            constants:(NSDictionary *)constants;
@end

@interface SoftMetalPipeline : SoftMetalObject <MTLComputePipelineState> {
    SoftMetalFunction *_function;
    sm_pipeline *_plain, *_checked; // each is made when it is needed first
    pthread_mutex_t _mutex;
}
- (id)initWithFunction:(SoftMetalFunction *)function error:(NSError **)error;
- (NSString *)functionName;
- (sm_pipeline *)pipelineThatChecks:(BOOL)checks error:(NSError **)error;
@end

@interface SoftMetalEvent : SoftMetalObject <MTLSharedEvent> {
    pthread_mutex_t _mutex;
    pthread_cond_t _changed;
    uint64_t _value;
}
- (void)raiseTo:(uint64_t)value;
@end

@interface SoftMetalResidencySet : SoftMetalObject <MTLResidencySet> {
    NSMutableArray *_allocations;
    NSUInteger _committed;
}
- (id)initWithDescriptor:(MTLResidencySetDescriptor *)descriptor;
@end

@class SoftMetalCommandBuffer;

// Runs command buffers in order on a thread of its own; the thread outlives the object until
// everything committed has run.
typedef struct SoftMetalExecutor SoftMetalExecutor;

@interface SoftMetalQueue : SoftMetalObject <MTLCommandQueue> {
    SoftMetalExecutor *_executor;
    NSMutableArray *_residencySets;
}
- (void)run:(SoftMetalCommandBuffer *)commandBuffer;
@end

// One recorded command. Objects in it are retained.
typedef enum { SoftMetalRun, SoftMetalBarrier, SoftMetalWait, SoftMetalSignal } SoftMetalKind;

typedef struct {
    SoftMetalBuffer *buffer; // null: bytes of the command buffer's own
    NSUInteger offset;       // in the buffer, or in those bytes
    NSUInteger length;
    BOOL set, limited;
} SoftMetalBinding;

typedef struct {
    SoftMetalKind kind;
    BOOL concurrent;
    NSUInteger number; // of the dispatch in its command buffer
    SoftMetalPipeline *pipeline;
    SoftMetalBinding bindings[sm_bindings];
    NSUInteger threadgroupBytes[sm_bindings];
    MTLSize grid, threads;
    BOOL exact;
    SoftMetalEvent *event;
    uint64_t value;
    SoftMetalCounters counters;
} SoftMetalCommand;

@interface SoftMetalCommandBuffer : SoftMetalObject <MTLCommandBuffer, SoftMetalCommandBuffer> {
  @public
    SoftMetalCommand *_commands;
    NSUInteger _count, _capacity, _dispatches;
    NSMutableData *_bytes;
  @protected
    SoftMetalQueue *_queue;
    id _encoder; // not retained: the open one
    MTLCommandBufferHandler *_handlers;
    NSUInteger _handlerCount;
    pthread_mutex_t _mutex;
    pthread_cond_t _changed;
    MTLCommandBufferStatus _status;
    NSError *_error;
    CFTimeInterval _started, _ended;
    BOOL _retains, _finished;
}
- (id)initWithQueue:(SoftMetalQueue *)queue retains:(BOOL)retains;
- (void)addCommand:(SoftMetalCommand *)command;
- (void)encoderEnded;
- (void)run;
@end

// Runs the commands of a command buffer; returns the error that stopped it, or nil.
NSError *SoftMetalExecute(SoftMetalCommandBuffer *commandBuffer);

@interface SoftMetalComputeEncoder
    : SoftMetalObject <MTLComputeCommandEncoder, SoftMetalEncoder> {
    SoftMetalCommandBuffer *_commandBuffer;
    MTLDispatchType _dispatchType;
    SoftMetalPipeline *_pipeline;
    SoftMetalBinding _bindings[sm_bindings];
    NSUInteger _threadgroupBytes[sm_bindings];
    BOOL _ended;
}
- (id)initWithCommandBuffer:(SoftMetalCommandBuffer *)commandBuffer
               dispatchType:(MTLDispatchType)dispatchType;
@end
