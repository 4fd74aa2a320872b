#import "objects.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static _Atomic int64_t liveObjects;

void SoftMetalMisuse(NSString *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    NSString *text = [[[NSString alloc] initWithFormat:format arguments:arguments] autorelease];
    va_end(arguments);
    [NSException raise:@"SoftMetalMisuse" format:@"%@", text];
}

NSError *SoftMetalError(NSString *domain, NSInteger code, NSString *text) {
    NSDictionary *info = [NSDictionary dictionaryWithObject:text forKey:NSLocalizedDescriptionKey];
    return [NSError errorWithDomain:domain code:code userInfo:info];
}

NSError *SoftMetalErrorFromText(NSString *domain, NSInteger code, char *text) {
    NSString *string = text ? [NSString stringWithUTF8String:text] : nil;
    free(text);
    return SoftMetalError(domain, code, string ? string : @"[softmetal] failed, with no text");
}

double SoftMetalSeconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void SoftMetalWaitUntil(pthread_cond_t *condition, pthread_mutex_t *mutex, double deadline) {
    double whole = floor(deadline);
    struct timespec at = {(time_t)whole, (long)(1e9 * (deadline - whole))};
    pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &at);
}

@implementation SoftMetalObject

+ (int64_t)live {
    return liveObjects;
}

- (id)init {
    if ((self = [super init])) liveObjects++;
    return self;
}

- (void)dealloc {
    liveObjects--;
    [_label release];
    [super dealloc];
}

- (id<MTLDevice>)device {
    return [SoftMetalDevice sharedDevice];
}

- (NSString *)label {
    @synchronized(self) {
        return [[_label retain] autorelease];
    }
}

- (void)setLabel:(NSString *)label {
    @synchronized(self) {
        NSString *copy = [label copy];
        [_label release];
        _label = copy;
    }
}

@end
