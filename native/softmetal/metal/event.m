#import "objects.h"

@implementation SoftMetalEvent

- (id)init {
    if ((self = [super init])) {
        pthread_mutex_init(&_mutex, NULL);
        pthread_cond_init(&_changed, NULL);
    }
    return self;
}

- (void)dealloc {
    pthread_cond_destroy(&_changed);
    pthread_mutex_destroy(&_mutex);
    [super dealloc];
}

- (uint64_t)signaledValue {
    pthread_mutex_lock(&_mutex);
    uint64_t value = _value;
    pthread_mutex_unlock(&_mutex);
    return value;
}

- (void)setSignaledValue:(uint64_t)signaledValue {
    pthread_mutex_lock(&_mutex);
    _value = signaledValue;
    pthread_cond_broadcast(&_changed);
    pthread_mutex_unlock(&_mutex);
}

- (void)raiseTo:(uint64_t)value {
    pthread_mutex_lock(&_mutex);
    if (_value < value) _value = value;
    pthread_cond_broadcast(&_changed);
    pthread_mutex_unlock(&_mutex);
}

- (BOOL)waitUntilSignaledValue:(uint64_t)value timeoutMS:(uint64_t)milliseconds {
    double now = SoftMetalSeconds(), deadline = now + 1e-3 * (double)milliseconds;
    const double year = 366.0 * 86400.0;
    if (deadline > now + year) deadline = now + year; // what a timespec can hold
    pthread_mutex_lock(&_mutex);
    while (_value < value && SoftMetalSeconds() < deadline)
        SoftMetalWaitUntil(&_changed, &_mutex, deadline);
    BOOL reached = _value >= value;
    pthread_mutex_unlock(&_mutex);
    return reached;
}

@end
