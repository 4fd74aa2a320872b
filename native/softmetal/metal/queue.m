#import "objects.h"

#include <stdlib.h>

struct SoftMetalExecutor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    NSMutableArray *pending;
    BOOL started, closing;
};

static void destroyExecutor(SoftMetalExecutor *executor) {
    [executor->pending release];
    pthread_cond_destroy(&executor->changed);
    pthread_mutex_destroy(&executor->mutex);
    free(executor);
}

// The next command buffer, retained; nil when the queue has gone and nothing is left to do.
static SoftMetalCommandBuffer *takeNext(SoftMetalExecutor *executor) {
    SoftMetalCommandBuffer *next = nil;
    pthread_mutex_lock(&executor->mutex);
    while (![executor->pending count] && !executor->closing)
        pthread_cond_wait(&executor->changed, &executor->mutex);
    if ([executor->pending count]) {
        next = [[executor->pending objectAtIndex:0] retain];
        [executor->pending removeObjectAtIndex:0];
    }
    pthread_mutex_unlock(&executor->mutex);
    return next;
}

static void *runExecutor(void *argument) {
    SoftMetalExecutor *executor = argument;
    GSRegisterCurrentThread();
    for (;;) {
        NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
        SoftMetalCommandBuffer *next = takeNext(executor);
        [next run];
        // The last reference to the queue may go with this one.
        [next release];
        [pool drain];
        if (!next) break;
    }
    destroyExecutor(executor);
    GSUnregisterCurrentThread();
    return NULL;
}

@implementation SoftMetalQueue

- (id)init {
    if (!(self = [super init])) return nil;
    _executor = calloc(1, sizeof *_executor);
    pthread_mutex_init(&_executor->mutex, NULL);
    pthread_cond_init(&_executor->changed, NULL);
    _executor->pending = [[NSMutableArray alloc] init];
    _residencySets = [[NSMutableArray alloc] init];
    return self;
}

- (void)dealloc {
    pthread_mutex_lock(&_executor->mutex);
    BOOL started = _executor->started;
    _executor->closing = YES;
    pthread_cond_signal(&_executor->changed);
    pthread_mutex_unlock(&_executor->mutex);
    if (!started) destroyExecutor(_executor);
    [_residencySets release];
    [super dealloc];
}

- (void)run:(SoftMetalCommandBuffer *)commandBuffer {
    pthread_mutex_lock(&_executor->mutex);
    [_executor->pending addObject:commandBuffer];
    pthread_t thread;
    if (!_executor->started) {
        if (pthread_create(&thread, NULL, runExecutor, _executor) != 0) abort();
        pthread_detach(thread);
        _executor->started = YES;
    }
    pthread_cond_signal(&_executor->changed);
    pthread_mutex_unlock(&_executor->mutex);
}

- (id<MTLCommandBuffer>)commandBuffer {
    return [[[SoftMetalCommandBuffer alloc] initWithQueue:self retains:YES] autorelease];
}

- (id<MTLCommandBuffer>)commandBufferWithUnretainedReferences {
    return [[[SoftMetalCommandBuffer alloc] initWithQueue:self retains:NO] autorelease];
}

- (void)addResidencySet:(id<MTLResidencySet>)residencySet {
    @synchronized(self) {
        [_residencySets addObject:residencySet];
    }
}

- (void)removeResidencySet:(id<MTLResidencySet>)residencySet {
    @synchronized(self) {
        [_residencySets removeObjectIdenticalTo:residencySet];
    }
}

@end
