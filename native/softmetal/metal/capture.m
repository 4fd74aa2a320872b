#import "objects.h"

NSString *const MTLCaptureErrorDomain = @"MTLCaptureErrorDomain";

@implementation MTLCaptureDescriptor

- (void)dealloc {
    [_captureObject release];
    [_outputURL release];
    [super dealloc];
}

- (id)copyWithZone:(NSZone *)zone {
    MTLCaptureDescriptor *copy = [[MTLCaptureDescriptor allocWithZone:zone] init];
    [copy setCaptureObject:_captureObject];
    [copy setDestination:_destination];
    [copy setOutputURL:_outputURL];
    return copy;
}

- (id)captureObject {
    return _captureObject;
}

- (void)setCaptureObject:(id)captureObject {
    [captureObject retain];
    [_captureObject release];
    _captureObject = captureObject;
}

- (MTLCaptureDestination)destination {
    return _destination;
}

- (void)setDestination:(MTLCaptureDestination)destination {
    _destination = destination;
}

- (NSURL *)outputURL {
    return _outputURL;
}

- (void)setOutputURL:(NSURL *)outputURL {
    NSURL *copy = [outputURL copy];
    [_outputURL release];
    _outputURL = copy;
}

@end

// There is no Xcode to open a trace, so none is written; like Metal without
// METAL_CAPTURE_ENABLED=1, the manager says that it supports no destination.
@implementation MTLCaptureManager

+ (MTLCaptureManager *)sharedCaptureManager {
    static MTLCaptureManager *manager;
    @synchronized([MTLCaptureManager class]) {
        if (!manager) manager = [[MTLCaptureManager alloc] init];
    }
    return manager;
}

- (BOOL)isCapturing {
    return _isCapturing;
}

- (BOOL)supportsDestination:(MTLCaptureDestination)destination {
    (void)destination;
    return NO;
}

- (BOOL)startCaptureWithDescriptor:(MTLCaptureDescriptor *)descriptor error:(NSError **)error {
    (void)descriptor;
    NSError *failure = SoftMetalError(MTLCaptureErrorDomain, MTLCaptureErrorNotSupported,
                                      @"Capturing is not supported by the software Metal");
    if (error) *error = failure;
    return NO;
}

- (void)stopCapture {
    if (!_isCapturing) SoftMetalMisuse(@"stopCapture without a capture");
}

@end
