#import "objects.h"

#include <stdlib.h>
#include <string.h>

NSString *const MTLLibraryErrorDomain = @"MTLLibraryErrorDomain";

static NSUInteger sizeOf(MTLDataType type) {
    switch (type) {
        case MTLDataTypeBool:
        case MTLDataTypeChar:
        case MTLDataTypeUChar: return 1;
        case MTLDataTypeShort:
        case MTLDataTypeUShort:
        case MTLDataTypeHalf:
        case MTLDataTypeBFloat: return 2;
        case MTLDataTypeInt:
        case MTLDataTypeUInt:
        case MTLDataTypeFloat: return 4;
        case MTLDataTypeLong:
        case MTLDataTypeULong: return 8;
        case MTLDataTypeNone: break;
    }
    SoftMetalMisuse(@"function constant of the unsupported type %lu", (unsigned long)type);
    return 0;
}

@implementation MTLCompileOptions

- (id)init {
    if ((self = [super init])) {
        _fastMathEnabled = YES;
        _mathMode = MTLMathModeFast;
        _languageVersion = MTLLanguageVersion3_0;
    }
    return self;
}

- (void)dealloc {
    [_preprocessorMacros release];
    [super dealloc];
}

- (id)copyWithZone:(NSZone *)zone {
    MTLCompileOptions *copy = [[MTLCompileOptions allocWithZone:zone] init];
    [copy setPreprocessorMacros:_preprocessorMacros];
    copy->_fastMathEnabled = _fastMathEnabled;
    copy->_mathMode = _mathMode;
    copy->_languageVersion = _languageVersion;
    return copy;
}

- (NSDictionary *)preprocessorMacros {
    return _preprocessorMacros;
}

- (void)setPreprocessorMacros:(NSDictionary *)preprocessorMacros {
    NSDictionary *copy = [preprocessorMacros copy];
    [_preprocessorMacros release];
    _preprocessorMacros = copy;
}

- (BOOL)fastMathEnabled {
    return _fastMathEnabled;
}

- (void)setFastMathEnabled:(BOOL)fastMathEnabled {
    _fastMathEnabled = fastMathEnabled;
}

- (MTLMathMode)mathMode {
    return _mathMode;
}

- (void)setMathMode:(MTLMathMode)mathMode {
    _mathMode = mathMode;
}

- (MTLLanguageVersion)languageVersion {
    return _languageVersion;
}

- (void)setLanguageVersion:(MTLLanguageVersion)languageVersion {
    _languageVersion = languageVersion;
}

@end

@implementation MTLFunctionConstantValues

- (id)init {
    if ((self = [super init])) _values = [[NSMutableDictionary alloc] init];
    return self;
}

- (void)dealloc {
    [_values release];
    [super dealloc];
}

- (id)copyWithZone:(NSZone *)zone {
    MTLFunctionConstantValues *copy = [[MTLFunctionConstantValues allocWithZone:zone] init];
    [copy->_values addEntriesFromDictionary:_values];
    return copy;
}

- (void)setConstantValue:(const void *)value type:(MTLDataType)type atIndex:(NSUInteger)index {
    if (index > 65535) SoftMetalMisuse(@"function constant %lu", (unsigned long)index);
    [_values setObject:[NSData dataWithBytes:value length:sizeOf(type)]
                forKey:[NSNumber numberWithUnsignedLong:index]];
}

- (void)setConstantValues:(const void *)values type:(MTLDataType)type withRange:(NSRange)range {
    for (NSUInteger i = 0; i < range.length; i++)
        [self setConstantValue:(const char *)values + i * sizeOf(type)
                          type:type
                       atIndex:range.location + i];
}

- (void)reset {
    [_values removeAllObjects];
}

- (NSDictionary *)values {
    return [[_values copy] autorelease];
}

@end

@implementation SoftMetalLibrary

- (id)initWithLibrary:(sm_library *)library {
    if ((self = [super init])) _library = library;
    return self;
}

- (void)dealloc {
    sm_library_free(_library);
    [super dealloc];
}

- (NSArray *)functionNames {
    size_t count = sm_library_function_count(_library);
    NSMutableArray *names = [NSMutableArray arrayWithCapacity:count];
    for (size_t i = 0; i < count; i++)
        [names addObject:[NSString stringWithUTF8String:sm_library_function_name(_library, i)]];
    return names;
}

- (id<MTLFunction>)newFunctionWithName:(NSString *)functionName {
    return [self newFunctionWithName:functionName constantValues:nil error:NULL];
}

- (id<MTLFunction>)newFunctionWithName:(NSString *)name
                        constantValues:(MTLFunctionConstantValues *)constantValues
                                 error:(NSError **)error {
    if (sm_library_has_function(_library, [name UTF8String]))
        return [[SoftMetalFunction alloc] initWithLibrary:self
                                                     name:name
                                                constants:[constantValues values]];
    NSString *text = [NSString stringWithFormat:@"Function %@ was not found in the library", name];
    NSError *failure = SoftMetalError(MTLLibraryErrorDomain, MTLLibraryErrorFunctionNotFound,
                                      text);
    if (error) *error = failure;
    return nil;
}

@end

@implementation SoftMetalFunction

- (id)initWithLibrary:(SoftMetalLibrary *)library
                 name:(NSString *)name
            constants:(NSDictionary *)constants {
    if ((self = [super init])) {
        _library = [library retain];
        _name = [name copy];
        _constants = [constants copy];
    }
    return self;
}

- (void)dealloc {
    [_library release];
    [_name release];
    [_constants release];
    [super dealloc];
}

- (NSString *)name {
    return _name;
}

- (MTLFunctionType)functionType {
    return MTLFunctionTypeKernel;
}

@end
