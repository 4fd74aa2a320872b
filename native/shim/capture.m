#import "shim.h"

mm_status mm_capture_start(mm_device *device, const char *path, mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(path && *path, error, "path is empty");
    @autoreleasepool {
        NSString *file = [NSString stringWithUTF8String:path];
        MM_ARGUMENT(file, error, "path: expected text in UTF-8");
        MTLCaptureManager *manager = [MTLCaptureManager sharedCaptureManager];
        MM_ARGUMENT(![manager isCapturing], error, "a capture is under way");
        if (![manager supportsDestination:MTLCaptureDestinationGPUTraceDocument])
            return mm_fail(error, MM_UNSUPPORTED,
                           "Metal takes no capture here (on a Mac: METAL_CAPTURE_ENABLED=1)");
        MTLCaptureDescriptor *descriptor = [[[MTLCaptureDescriptor alloc] init] autorelease];
        descriptor.captureObject = device->metal;
        descriptor.destination = MTLCaptureDestinationGPUTraceDocument;
        descriptor.outputURL = [NSURL fileURLWithPath:file];
        NSError *cause = nil;
        if (![manager startCaptureWithDescriptor:descriptor error:&cause])
            return mm_fail_with(error, MM_EXECUTION_FAILED, cause);
        return mm_succeed(error);
    }
}

mm_status mm_capture_stop(mm_device *device) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), NULL, "not a device");
    @autoreleasepool {
        MTLCaptureManager *manager = [MTLCaptureManager sharedCaptureManager];
        MM_ARGUMENT([manager isCapturing], NULL, "no capture is under way");
        [manager stopCapture];
        return MM_OK;
    }
}
