#import "objects.h"

#include <string.h>

// Whether `bytes` can be a value of the constant's type as the source writes it.
static BOOL fits(const char *type, NSUInteger bytes) {
    static const struct {
        const char *type;
        NSUInteger bytes;
    } sizes[] = {
        {"bool", 1},   {"char", 1},  {"uchar", 1}, {"int8_t", 1},   {"uint8_t", 1},
        {"short", 2},  {"ushort", 2}, {"half", 2}, {"bfloat", 2},   {"int16_t", 2},
        {"uint16_t", 2}, {"int", 4}, {"uint", 4},  {"float", 4},    {"int32_t", 4},
        {"uint32_t", 4}, {"long", 8}, {"ulong", 8}, {"int64_t", 8}, {"uint64_t", 8},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(type, sizes[i].type) == 0) return sizes[i].bytes == bytes;
    return YES; // a name of the source's own
}

@implementation SoftMetalPipeline

- (sm_pipeline *)compile:(BOOL)check error:(NSError **)error {
    NSDictionary *constants = _function->_constants;
    sm_library *library = _function->_library->_library;
    NSUInteger count = 0;
    sm_constant values[[constants count] + 1];
    memset(values, 0, sizeof values);
    for (NSNumber *index in constants) {
        NSData *data = [constants objectForKey:index];
        const char *type = sm_library_constant_type(library, [index unsignedIntValue]);
        if (!type) continue; // Metal ignores constants that the library does not have
        if (!fits(type, [data length])) {
            NSString *text = [NSString
                stringWithFormat:@"function constant %@: expected the type %s, got %lu bytes",
                                 index, type, (unsigned long)[data length]];
            NSError *failure = SoftMetalError(MTLLibraryErrorDomain, MTLLibraryErrorInternal,
                                              text);
            if (error) *error = failure;
            return NULL;
        }
        values[count].index = [index unsignedIntValue];
        memcpy(values[count++].bytes, [data bytes], [data length]);
    }
    char *text = NULL;
    sm_pipeline *pipeline = sm_pipeline_create(library, [_function->_name UTF8String], values,
                                               count, check, &text);
    if (pipeline) return pipeline;
    NSError *failure = SoftMetalErrorFromText(MTLLibraryErrorDomain, MTLLibraryErrorInternal,
                                              text);
    if (error) *error = failure;
    return NULL;
}

- (id)initWithFunction:(SoftMetalFunction *)function error:(NSError **)error {
    if (!(self = [super init])) return nil;
    pthread_mutex_init(&_mutex, NULL);
    _function = [function retain];
    // While the check is on, kernels are built with it only: half the compiler's work.
    BOOL check = [[SoftMetalDevice sharedDevice] checks].memory;
    sm_pipeline *pipeline = [self compile:check error:error];
    if (!pipeline) {
        [self release];
        return nil;
    }
    if (check) _checked = pipeline;
    else _plain = pipeline;
    return self;
}

- (void)dealloc {
    if (_plain) sm_pipeline_free(_plain);
    if (_checked) sm_pipeline_free(_checked);
    pthread_mutex_destroy(&_mutex);
    [_function release];
    [super dealloc];
}

- (sm_pipeline *)variant:(sm_pipeline **)variant check:(BOOL)check error:(NSError **)error {
    pthread_mutex_lock(&_mutex);
    if (!*variant) *variant = [self compile:check error:error];
    sm_pipeline *pipeline = *variant;
    pthread_mutex_unlock(&_mutex);
    return pipeline;
}

- (sm_pipeline *)pipelineThatChecks:(BOOL)checks error:(NSError **)error {
    return [self variant:checks ? &_checked : &_plain check:checks error:error];
}

- (NSString *)functionName {
    return _function->_name;
}

- (NSUInteger)maxTotalThreadsPerThreadgroup {
    return kLargestThreadgroup;
}

- (NSUInteger)threadExecutionWidth {
    return 32;
}

// Known to the executor only while a kernel runs, which enforces the limit then.
- (NSUInteger)staticThreadgroupMemoryLength {
    return 0;
}

@end
