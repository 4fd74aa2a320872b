#import "objects.h"

#include <stdlib.h>
#include <unistd.h>

// An environment variable in bytes, for tests of the limits.
static NSUInteger bytesFromEnvironment(const char *name, NSUInteger otherwise) {
    const char *text = getenv(name);
    unsigned long long value = text ? strtoull(text, NULL, 10) : 0;
    return value >= kPageBytes ? (NSUInteger)value : otherwise;
}

@implementation SoftMetalDevice

+ (SoftMetalDevice *)sharedDevice {
    static SoftMetalDevice *device;
    @synchronized([SoftMetalDevice class]) {
        if (!device) device = [[SoftMetalDevice alloc] init];
    }
    return device;
}

- (id)init {
    if (!(self = [super init])) return nil;
    pthread_mutex_init(&_mutex, NULL);
    NSUInteger page = (NSUInteger)sysconf(_SC_PAGESIZE);
    NSUInteger installed = (NSUInteger)sysconf(_SC_PHYS_PAGES) * page;
    _pageBytes = bytesFromEnvironment("SOFTMETAL_PAGE_BYTES", page);
    // Shares of memory like those a Mac reports.
    _maxTotal = bytesFromEnvironment("SOFTMETAL_WORKING_SET_BYTES", installed / 4 * 3);
    _maxBufferLength = bytesFromEnvironment("SOFTMETAL_MAX_BUFFER_BYTES", installed / 16 * 9) /
                       kPageBytes * kPageBytes;
    return self;
}

- (NSString *)name {
    return @"SoftMetal (software, Apple family 7)";
}

- (uint64_t)registryID {
    return 1;
}

- (MTLSize)maxThreadsPerThreadgroup {
    return MTLSizeMake(kLargestThreadgroup, kLargestThreadgroup, kLargestThreadgroup);
}

- (BOOL)hasUnifiedMemory {
    return YES;
}

- (uint64_t)recommendedMaxWorkingSetSize {
    return _maxTotal;
}

- (NSUInteger)currentAllocatedSize {
    pthread_mutex_lock(&_mutex);
    NSUInteger allocated = _allocated;
    pthread_mutex_unlock(&_mutex);
    return allocated;
}

- (NSUInteger)maxThreadgroupMemoryLength {
    return kThreadgroupMemory;
}

- (NSUInteger)maxBufferLength {
    return _maxBufferLength;
}

- (BOOL)supportsFamily:(MTLGPUFamily)gpuFamily {
    return (gpuFamily >= MTLGPUFamilyApple1 && gpuFamily <= MTLGPUFamilyApple7) ||
           (gpuFamily >= MTLGPUFamilyCommon1 && gpuFamily <= MTLGPUFamilyCommon3) ||
           gpuFamily == MTLGPUFamilyMetal3;
}

- (id<MTLCommandQueue>)newCommandQueue {
    return [[SoftMetalQueue alloc] init];
}

- (id<MTLCommandQueue>)newCommandQueueWithMaxCommandBufferCount:(NSUInteger)maxCommandBufferCount {
    if (maxCommandBufferCount == 0) SoftMetalMisuse(@"maxCommandBufferCount is 0");
    return [[SoftMetalQueue alloc] init];
}

- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
    if (length == 0 || length > _maxBufferLength) return nil;
    if ([self takeFault:SoftMetalFaultAllocation]) return nil;
    return [[SoftMetalBuffer alloc] initWithLength:length options:options];
}

- (id<MTLBuffer>)newBufferWithBytesNoCopy:(void *)pointer
                                   length:(NSUInteger)length
                                  options:(MTLResourceOptions)options
                              deallocator:(void (^)(void *, NSUInteger))deallocator {
    if (length == 0 || length > _maxBufferLength) return nil;
    if ((uintptr_t)pointer % _pageBytes || length % _pageBytes)
        SoftMetalMisuse(@"newBufferWithBytesNoCopy: pointer %p and length %lu are not multiples "
                        @"of the page size %lu",
                        pointer, (unsigned long)length, (unsigned long)_pageBytes);
    if ([self takeFault:SoftMetalFaultAllocation]) return nil;
    return [[SoftMetalBuffer alloc] initWithMemory:pointer
                                            length:length
                                           options:options
                                       deallocator:deallocator];
}

- (id<MTLLibrary>)newLibraryWithSource:(NSString *)source
                               options:(MTLCompileOptions *)options
                                 error:(NSError **)error {
    char *text = NULL;
    sm_library *library = NULL;
    if ([self takeFault:SoftMetalFaultCompile]) {
        text = strdup("program_source:1:1: error: injected fault");
    } else {
        NSDictionary *macros = [options preprocessorMacros];
        NSArray *names = [[macros allKeys] sortedArrayUsingSelector:@selector(compare:)];
        NSUInteger count = 0;
        sm_macro list[[names count] + 1];
        for (NSString *name in names) {
            list[count].name = [name UTF8String];
            list[count++].value = [[[macros objectForKey:name] description] UTF8String];
        }
        NSData *bytes = [source dataUsingEncoding:NSUTF8StringEncoding];
        library = sm_library_compile([bytes bytes], [bytes length], list, count, &text);
    }
    if (library) return [[SoftMetalLibrary alloc] initWithLibrary:library];
    NSError *failure = SoftMetalErrorFromText(MTLLibraryErrorDomain, MTLLibraryErrorCompileFailure,
                                              text);
    if (error) *error = failure;
    return nil;
}

- (id<MTLComputePipelineState>)newComputePipelineStateWithFunction:(id<MTLFunction>)computeFunction
                                                             error:(NSError **)error {
    if (!computeFunction) SoftMetalMisuse(@"newComputePipelineStateWithFunction: nil function");
    if ([self takeFault:SoftMetalFaultPipeline]) {
        NSError *failure = SoftMetalError(MTLLibraryErrorDomain, MTLLibraryErrorInternal,
                                          @"injected fault");
        if (error) *error = failure;
        return nil;
    }
    return [[SoftMetalPipeline alloc] initWithFunction:(SoftMetalFunction *)computeFunction
                                                 error:error];
}

- (id<MTLSharedEvent>)newSharedEvent {
    return [[SoftMetalEvent alloc] init];
}

- (id<MTLResidencySet>)newResidencySetWithDescriptor:(MTLResidencySetDescriptor *)desc
                                               error:(NSError **)error {
    (void)error;
    return [[SoftMetalResidencySet alloc] initWithDescriptor:desc];
}

- (SoftMetalChecks)checks {
    pthread_mutex_lock(&_mutex);
    SoftMetalChecks checks = _checks;
    pthread_mutex_unlock(&_mutex);
    return checks;
}

- (void)softMetalSetChecks:(SoftMetalChecks)checks {
    pthread_mutex_lock(&_mutex);
    _checks = checks;
    pthread_mutex_unlock(&_mutex);
}

- (void)softMetalInject:(SoftMetalFault)fault after:(uint32_t)after count:(uint32_t)count {
    if (fault < SoftMetalFaultAllocation || fault > SoftMetalFaultExecution) return;
    pthread_mutex_lock(&_mutex);
    _faultAfter[fault] = after;
    _faultCount[fault] = count;
    pthread_mutex_unlock(&_mutex);
}

- (BOOL)takeFault:(SoftMetalFault)fault {
    BOOL fails = NO;
    pthread_mutex_lock(&_mutex);
    if (_faultCount[fault] > 0) {
        if (_faultAfter[fault] > 0) {
            _faultAfter[fault]--;
        } else {
            _faultCount[fault]--;
            fails = YES;
        }
    }
    pthread_mutex_unlock(&_mutex);
    return fails;
}

- (void)addAllocated:(NSInteger)bytes {
    pthread_mutex_lock(&_mutex);
    _allocated += (NSUInteger)bytes;
    pthread_mutex_unlock(&_mutex);
}

- (int64_t)softMetalLiveObjects {
    return [SoftMetalObject live];
}

- (NSUInteger)softMetalPageBytes {
    return _pageBytes;
}

- (NSString *)softMetalUnavailable {
    char *text = NULL;
    if (sm_available(&text)) return nil;
    NSString *reason = [NSString stringWithUTF8String:text];
    free(text);
    return reason;
}

@end

id<MTLDevice> MTLCreateSystemDefaultDevice(void) {
    return [[SoftMetalDevice sharedDevice] retain];
}

NSArray *MTLCopyAllDevices(void) {
    return [[NSArray alloc] initWithObjects:[SoftMetalDevice sharedDevice], nil];
}
