#import "objects.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

@implementation SoftMetalBuffer

- (id)initWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
    if (!(self = [super init])) return nil;
    NSUInteger bytes = (length + kPageBytes - 1) / kPageBytes * kPageBytes;
    // Metal's buffers begin at its own page size, which may be larger than the system's.
    char *mapping = mmap(NULL, bytes + kPageBytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) {
        [self release];
        return nil;
    }
    NSUInteger skew = (kPageBytes - (uintptr_t)mapping % kPageBytes) % kPageBytes;
    if (skew) munmap(mapping, skew);
    if (kPageBytes - skew) munmap(mapping + skew + bytes, kPageBytes - skew);
    _memory = mapping + skew;
    _mapped = bytes;
    _length = length;
    _options = options;
    [[SoftMetalDevice sharedDevice] addAllocated:(NSInteger)_length];
    // What a new private buffer holds is undefined: here it is NaN.
    if ([self storageMode] == MTLStorageModePrivate) memset(_memory, 0xff, _length);
    return self;
}

- (id)initWithMemory:(void *)memory
              length:(NSUInteger)length
             options:(MTLResourceOptions)options
         deallocator:(void (^)(void *, NSUInteger))deallocator {
    if (!(self = [super init])) return nil;
    _memory = memory;
    _length = length;
    _options = options;
    _deallocator = deallocator ? Block_copy(deallocator) : NULL;
    [[SoftMetalDevice sharedDevice] addAllocated:(NSInteger)_length];
    return self;
}

- (void)dealloc {
    if (_memory) [[SoftMetalDevice sharedDevice] addAllocated:-(NSInteger)_length];
    if (_mapped) munmap(_memory, _mapped);
    if (_deallocator) {
        _deallocator(_memory, _length);
        Block_release(_deallocator);
    }
    free(_written);
    [super dealloc];
}

- (NSUInteger)length {
    return _length;
}

- (NSUInteger)allocatedSize {
    return _length;
}

- (void *)contents {
    return [self storageMode] == MTLStorageModePrivate ? NULL : _memory;
}

- (MTLResourceOptions)resourceOptions {
    return _options;
}

- (MTLCPUCacheMode)cpuCacheMode {
    return (MTLCPUCacheMode)(_options & 15);
}

- (MTLStorageMode)storageMode {
    return (MTLStorageMode)(_options >> 4 & 15);
}

- (MTLHazardTrackingMode)hazardTrackingMode {
    return (MTLHazardTrackingMode)(_options >> 8 & 3);
}

- (void)softMetalSetWritten:(BOOL)written range:(NSRange)range {
    if (range.location > _length || range.length > _length - range.location)
        SoftMetalMisuse(@"softMetalSetWritten: beyond the buffer's end");
    @synchronized(self) {
        if (!_written) {
            if (written) return;
            _written = malloc(_length);
            if (!_written) SoftMetalMisuse(@"softMetalSetWritten: out of memory");
            memset(_written, 1, _length);
        }
        memset(_written + range.location, written ? 1 : 0, range.length);
        if (!written) memset(_memory + range.location, 0xff, range.length);
    }
}

@end
