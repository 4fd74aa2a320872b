#pragma once
#import <Metal/MTLTypes.h>

@protocol MTLEvent <NSObject>
@property (readonly) id<MTLDevice> device;
@property (copy, atomic) NSString *label;
@end

@protocol MTLSharedEvent <MTLEvent>
@property (readwrite) uint64_t signaledValue;
- (BOOL)waitUntilSignaledValue:(uint64_t)value timeoutMS:(uint64_t)milliseconds;
@end
