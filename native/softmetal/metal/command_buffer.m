#import "objects.h"

#include <stdlib.h>
#include <string.h>

NSString *const MTLCommandBufferErrorDomain = @"MTLCommandBufferErrorDomain";

@implementation SoftMetalCommandBuffer

- (id)initWithQueue:(SoftMetalQueue *)queue retains:(BOOL)retains {
    if (!(self = [super init])) return nil;
    _queue = [queue retain];
    _retains = retains;
    _bytes = [[NSMutableData alloc] init];
    pthread_mutex_init(&_mutex, NULL);
    pthread_cond_init(&_changed, NULL);
    return self;
}

- (void)forEachObjectOf:(SoftMetalCommand *)command send:(SEL)message {
    [command->event performSelector:message];
    if (!_retains) return;
    [command->pipeline performSelector:message];
    for (unsigned i = 0; i < sm_bindings; i++)
        [command->bindings[i].buffer performSelector:message];
}

- (void)dropHandlers {
    for (NSUInteger i = 0; i < _handlerCount; i++) Block_release(_handlers[i]);
    free(_handlers);
    _handlers = NULL;
    _handlerCount = 0;
}

- (void)dealloc {
    for (NSUInteger i = 0; i < _count; i++)
        [self forEachObjectOf:&_commands[i] send:@selector(release)];
    free(_commands);
    [_bytes release];
    [self dropHandlers];
    [_error release];
    [_queue release];
    pthread_cond_destroy(&_changed);
    pthread_mutex_destroy(&_mutex);
    [super dealloc];
}

- (void)addCommand:(SoftMetalCommand *)command {
    if ([self status] >= MTLCommandBufferStatusCommitted)
        SoftMetalMisuse(@"encoding into a committed command buffer");
    if (_count == _capacity) {
        _capacity = _capacity ? 2 * _capacity : 16;
        _commands = realloc(_commands, _capacity * sizeof *_commands);
        if (!_commands) abort();
    }
    if (command->kind == SoftMetalRun) command->number = _dispatches++;
    _commands[_count++] = *command;
    [self forEachObjectOf:command send:@selector(retain)];
}

- (id<MTLCommandQueue>)commandQueue {
    return _queue;
}

- (BOOL)retainedReferences {
    return _retains;
}

- (MTLCommandBufferStatus)status {
    pthread_mutex_lock(&_mutex);
    MTLCommandBufferStatus status = _status;
    pthread_mutex_unlock(&_mutex);
    return status;
}

- (void)setStatus:(MTLCommandBufferStatus)status {
    pthread_mutex_lock(&_mutex);
    _status = status;
    pthread_mutex_unlock(&_mutex);
}

- (NSError *)error {
    return _error;
}

- (CFTimeInterval)GPUStartTime {
    return _started;
}

- (CFTimeInterval)GPUEndTime {
    return _ended;
}

- (void)enqueue {
    if ([self status] == MTLCommandBufferStatusNotEnqueued)
        [self setStatus:MTLCommandBufferStatusEnqueued];
}

- (void)commit {
    if (_encoder) SoftMetalMisuse(@"commit with an encoder that has not ended");
    if ([self status] >= MTLCommandBufferStatusCommitted) SoftMetalMisuse(@"commit twice");
    [self setStatus:MTLCommandBufferStatusCommitted];
    [_queue run:self];
}

- (void)addCompletedHandler:(MTLCommandBufferHandler)block {
    if ([self status] >= MTLCommandBufferStatusCommitted)
        SoftMetalMisuse(@"addCompletedHandler after commit");
    // Blocks are no objects of this runtime: they go into no collection.
    _handlers = realloc(_handlers, (_handlerCount + 1) * sizeof *_handlers);
    if (!_handlers) abort();
    _handlers[_handlerCount++] = Block_copy(block);
}

- (void)waitUntilCompleted {
    if ([self status] < MTLCommandBufferStatusCommitted)
        SoftMetalMisuse(@"waitUntilCompleted before commit");
    pthread_mutex_lock(&_mutex);
    while (!_finished) pthread_cond_wait(&_changed, &_mutex);
    pthread_mutex_unlock(&_mutex);
}

- (id<MTLComputeCommandEncoder>)computeCommandEncoder {
    return [self computeCommandEncoderWithDispatchType:MTLDispatchTypeSerial];
}

- (id<MTLComputeCommandEncoder>)computeCommandEncoderWithDispatchType:
    (MTLDispatchType)dispatchType {
    if (_encoder) SoftMetalMisuse(@"a new encoder before the one before has ended");
    if ([self status] >= MTLCommandBufferStatusCommitted)
        SoftMetalMisuse(@"a new encoder in a committed command buffer");
    SoftMetalComputeEncoder *encoder =
        [[SoftMetalComputeEncoder alloc] initWithCommandBuffer:self dispatchType:dispatchType];
    _encoder = encoder;
    return [encoder autorelease];
}

- (void)encoderEnded {
    // Tracked resources order encoders.
    SoftMetalCommand barrier = {.kind = SoftMetalBarrier};
    [self addCommand:&barrier];
    _encoder = nil;
}

- (void)encodeEvent:(id<MTLEvent>)event value:(uint64_t)value kind:(SoftMetalKind)kind {
    if (_encoder) SoftMetalMisuse(@"an event inside an encoder");
    if (!event) SoftMetalMisuse(@"nil event");
    SoftMetalCommand command = {.kind = kind, .event = (SoftMetalEvent *)event, .value = value};
    [self addCommand:&command];
}

- (void)encodeWaitForEvent:(id<MTLEvent>)event value:(uint64_t)value {
    [self encodeEvent:event value:value kind:SoftMetalWait];
}

- (void)encodeSignalEvent:(id<MTLEvent>)event value:(uint64_t)value {
    [self encodeEvent:event value:value kind:SoftMetalSignal];
}

- (void)run {
    [self setStatus:MTLCommandBufferStatusScheduled];
    _started = SoftMetalSeconds();
    _error = [SoftMetalExecute(self) retain];
    _ended = SoftMetalSeconds();
    [self setStatus:_error ? MTLCommandBufferStatusError : MTLCommandBufferStatusCompleted];
    for (NSUInteger i = 0; i < _handlerCount; i++) _handlers[i](self);
    [self dropHandlers];
    pthread_mutex_lock(&_mutex);
    _finished = YES;
    pthread_cond_broadcast(&_changed);
    pthread_mutex_unlock(&_mutex);
}

- (SoftMetalCounters)softMetalCountersOfDispatch:(NSUInteger)index {
    for (NSUInteger i = 0; i < _count; i++)
        if (_commands[i].kind == SoftMetalRun && _commands[i].number == index)
            return _commands[i].counters;
    SoftMetalMisuse(@"dispatch %lu of %lu", (unsigned long)index, (unsigned long)_dispatches);
    return (SoftMetalCounters){0};
}

@end
