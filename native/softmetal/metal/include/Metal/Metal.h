// The part of Apple's Metal that the shim uses, for Linux. Every selector, type and enumerator
// here is compared with Apple's SDK by a test; the classes behind it are the software Metal's.
#pragma once

#import <Metal/MTLBuffer.h>
#import <Metal/MTLCaptureManager.h>
#import <Metal/MTLCommandBuffer.h>
#import <Metal/MTLCommandQueue.h>
#import <Metal/MTLComputeCommandEncoder.h>
#import <Metal/MTLComputePipeline.h>
#import <Metal/MTLDevice.h>
#import <Metal/MTLEvent.h>
#import <Metal/MTLLibrary.h>
#import <Metal/MTLResidencySet.h>
