#import "shim.h"

#include <stdlib.h>
#include <string.h>

#ifdef MM_METALLIB
// The linker puts the library that `xcrun metal` made into a section of its own.
#include <dispatch/dispatch.h>
#include <dlfcn.h>
#include <mach-o/getsect.h>

static uint8_t *metallib(unsigned long *bytes) {
    Dl_info image;
    if (!dladdr((const void *)&mm_metallib_embedded, &image)) return NULL;
    return getsectiondata((const struct mach_header_64 *)image.dli_fbase, "__DATA", "__metallib",
                          bytes);
}

bool mm_metallib_embedded(void) {
    unsigned long bytes = 0;
    return metallib(&bytes) != NULL;
}

static id<MTLLibrary> compiled_library(id<MTLDevice> device) {
    unsigned long bytes = 0;
    uint8_t *section = metallib(&bytes);
    if (!section) return nil;
    dispatch_data_t data = dispatch_data_create(section, bytes, NULL, ^{});
    id<MTLLibrary> library = [device newLibraryWithData:data error:NULL];
    dispatch_release(data);
    return library;
}
#else
bool mm_metallib_embedded(void) {
    return false;
}

static id<MTLLibrary> compiled_library(id<MTLDevice> device) {
    (void)device;
    return nil;
}
#endif

// Takes over the reference to `metal`.
static mm_status make_handle(mm_device *device, const char *name, id<MTLLibrary> metal,
                             mm_library **library, mm_error *error) {
    [metal setLabel:[NSString stringWithUTF8String:name]];
    mm_library *handle = mm_handle_new(MM_KIND_LIBRARY, sizeof *handle);
    if (!handle) {
        [metal release];
        return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
    }
    handle->device = [device->metal retain];
    handle->metal = metal;
    *library = handle;
    return mm_succeed(error);
}

static MTLCompileOptions *options(void) {
    MTLCompileOptions *options = [[[MTLCompileOptions alloc] init] autorelease];
    options.languageVersion = MTLLanguageVersion3_0;
    // Infinities and NaNs stay what they are: they mark masked scores and expose mistakes.
    if (@available(macOS 15.0, *)) options.mathMode = MTLMathModeRelaxed;
    else options.fastMathEnabled = NO;
    return options;
}

static mm_status compile(mm_device *device, const char *name, const char *text, uint64_t bytes,
                         mm_library **library, mm_error *error) {
    char *whole = mm_inline_includes(name, text, bytes);
    if (!whole) return mm_fail(error, MM_OUT_OF_MEMORY, "out of memory");
    NSString *source = [NSString stringWithUTF8String:whole];
    free(whole);
    MM_ARGUMENT(source, error, "%s: expected text in UTF-8", name);
    NSError *cause = nil;
    id<MTLLibrary> metal = [device->metal newLibraryWithSource:source
                                                       options:options()
                                                         error:&cause];
    if (!metal) return mm_fail_with(error, MM_COMPILE_FAILED, cause);
    return make_handle(device, name, metal, library, error);
}

mm_status mm_library_create_embedded(mm_device *device, const char *name, mm_library **library,
                                     mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(name && library, error, "name or library is null");
    @autoreleasepool {
        NSString *path = [NSString stringWithFormat:@"%s.metal", name];
        const mm_embedded *file = path ? mm_find_embedded([path UTF8String]) : NULL;
        if (!file) return mm_fail(error, MM_NOT_FOUND, "%s.metal is not embedded", name);
        id<MTLLibrary> compiled = compiled_library(device->metal);
        if (compiled) return make_handle(device, file->name, compiled, library, error);
        return compile(device, file->name, file->text, file->bytes, library, error);
    }
}

mm_status mm_library_create_source(mm_device *device, const char *name, const char *source,
                                   uint64_t source_bytes, mm_library **library,
                                   mm_error *error) {
    MM_ARGUMENT(mm_is(device, MM_KIND_DEVICE), error, "not a device");
    MM_ARGUMENT(name && library, error, "name or library is null");
    MM_ARGUMENT(source && source_bytes, error, "source is empty");
    MM_ARGUMENT(!strpbrk(name, "\"\\\n"), error, "name: expected no quote, backslash or newline");
    MM_ARGUMENT(!memchr(source, 0, (size_t)source_bytes), error, "source has a zero byte");
    @autoreleasepool {
        return compile(device, name, source, source_bytes, library, error);
    }
}

mm_status mm_library_functions(mm_library *library, char *names, uint64_t capacity_bytes,
                               uint64_t *needed_bytes) {
    MM_ARGUMENT(mm_is(library, MM_KIND_LIBRARY), NULL, "not a library");
    MM_ARGUMENT(needed_bytes, NULL, "needed_bytes is null");
    @autoreleasepool {
        NSArray *sorted =
            [[library->metal functionNames] sortedArrayUsingSelector:@selector(compare:)];
        NSMutableString *lines = [NSMutableString string];
        for (NSString *name in sorted) [lines appendFormat:@"%@\n", name];
        const char *text = [lines UTF8String];
        return mm_copy_text(text, strlen(text), names, capacity_bytes, needed_bytes);
    }
}

void mm_library_release(mm_library *library) {
    if (!mm_is(library, MM_KIND_LIBRARY)) return;
    @autoreleasepool {
        [library->metal release];
        [library->device release];
        mm_handle_free(library);
    }
}
