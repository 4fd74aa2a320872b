// The functions that clang's thread sanitizer pass calls before each access. No sanitizer is
// linked; they hand the access to the executor. Included only into kernels built for checking,
// after the source, and never itself instrumented.
#pragma once

#define __HOOK__ extern "C" __attribute__((disable_sanitizer_instrumentation, noinline)) void
#define __TELL__(p, bytes, kind) \
    softmetal_rt->access(metal::__lane(), p, bytes, kind, __builtin_return_address(0))
#define __HOOKS__(n) \
    __HOOK__ __tsan_read##n(void* p) { __TELL__(p, n, softmetal_read); } \
    __HOOK__ __tsan_write##n(void* p) { __TELL__(p, n, softmetal_write); } \
    __HOOK__ __tsan_unaligned_read##n(void* p) { __TELL__(p, n, softmetal_read); } \
    __HOOK__ __tsan_unaligned_write##n(void* p) { __TELL__(p, n, softmetal_write); } \
    __HOOK__ __tsan_volatile_read##n(void* p) { __TELL__(p, n, softmetal_read); } \
    __HOOK__ __tsan_volatile_write##n(void* p) { __TELL__(p, n, softmetal_write); }
__HOOKS__(1)
__HOOKS__(2)
__HOOKS__(4)
__HOOKS__(8)
__HOOKS__(16)
__HOOK__ __tsan_read_range(void* p, unsigned long n) { __TELL__(p, n, softmetal_read); }
__HOOK__ __tsan_write_range(void* p, unsigned long n) { __TELL__(p, n, softmetal_write); }
__HOOK__ __tsan_init() {}
__HOOK__ __tsan_func_entry(void*) {}
__HOOK__ __tsan_func_exit() {}

extern "C" __attribute__((disable_sanitizer_instrumentation, noinline)) void*
__tsan_memcpy(void* to, const void* from, unsigned long n) {
    __TELL__(from, n, softmetal_read);
    __TELL__(to, n, softmetal_write);
    return __builtin_memcpy(to, from, n);
}
extern "C" __attribute__((disable_sanitizer_instrumentation, noinline)) void*
__tsan_memmove(void* to, const void* from, unsigned long n) {
    __TELL__(from, n, softmetal_read);
    __TELL__(to, n, softmetal_write);
    return __builtin_memmove(to, from, n);
}
extern "C" __attribute__((disable_sanitizer_instrumentation, noinline)) void*
__tsan_memset(void* to, int value, unsigned long n) {
    __TELL__(to, n, softmetal_write);
    return __builtin_memset(to, value, n);
}
