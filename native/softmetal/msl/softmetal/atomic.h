// Atomics. Relaxed order is all Metal offers below a fence. Threads of one threadgroup run on
// one processor thread, threadgroups on several, so device atomics must be real ones.
#pragma once

namespace metal {

enum memory_order { memory_order_relaxed, memory_order_acquire, memory_order_release,
                    memory_order_acq_rel, memory_order_seq_cst };
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup,
                    thread_scope_device };
enum class mem_flags : uint { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4,
                              mem_threadgroup_imageblock = 8, mem_object_data = 16 };
METAL_FUNC constexpr mem_flags operator|(mem_flags a, mem_flags b) {
    return mem_flags(uint(a) | uint(b));
}
METAL_FUNC constexpr mem_flags operator&(mem_flags a, mem_flags b) {
    return mem_flags(uint(a) & uint(b));
}

template <class T> struct atomic { T __value; };
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<bool> atomic_bool;
typedef atomic<float> atomic_float;
typedef atomic<long> atomic_long;
typedef atomic<ulong> atomic_ulong;

#ifdef SOFTMETAL_CHECK
#define __ATOMIC_ACCESS__(p, kind) \
    softmetal_rt->access(__lane(), (const void*)(p), sizeof(*(p)), softmetal_atomic | (kind), \
                      __builtin_return_address(0))
#else
#define __ATOMIC_ACCESS__(p, kind) (void)0
#endif

template <class T>
METAL_FUNC void atomic_store_explicit(volatile atomic<T>* p, __same<T> v, memory_order) {
    __ATOMIC_ACCESS__(p, softmetal_write);
    __atomic_store(&p->__value, &v, __ATOMIC_RELAXED);
}
template <class T>
METAL_FUNC T atomic_load_explicit(const volatile atomic<T>* p, memory_order) {
    __ATOMIC_ACCESS__(p, softmetal_read);
    T v;
    __atomic_load(&p->__value, &v, __ATOMIC_RELAXED);
    return v;
}
template <class T>
METAL_FUNC T atomic_exchange_explicit(volatile atomic<T>* p, __same<T> v, memory_order) {
    __ATOMIC_ACCESS__(p, softmetal_read | softmetal_write);
    T old;
    __atomic_exchange(&p->__value, &v, &old, __ATOMIC_RELAXED);
    return old;
}
template <class T>
METAL_FUNC bool atomic_compare_exchange_weak_explicit(volatile atomic<T>* p, T* expected,
                                                      __same<T> v, memory_order, memory_order) {
    __ATOMIC_ACCESS__(p, softmetal_read | softmetal_write);
    return __atomic_compare_exchange(&p->__value, expected, &v, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED);
}
#define __ATOMIC_FETCH__(name, expression) \
    template <class T> \
    METAL_FUNC T atomic_fetch_##name##_explicit(volatile atomic<T>* p, __same<T> b, \
                                                memory_order) { \
        __ATOMIC_ACCESS__(p, softmetal_read | softmetal_write); \
        T a; \
        __atomic_load(&p->__value, &a, __ATOMIC_RELAXED); \
        for (;;) { \
            T next = T(expression); \
            if (__atomic_compare_exchange(&p->__value, &a, &next, false, __ATOMIC_RELAXED, \
                                          __ATOMIC_RELAXED)) \
                return a; \
        } \
    }
__ATOMIC_FETCH__(add, a + b)
__ATOMIC_FETCH__(sub, a - b)
__ATOMIC_FETCH__(and, a & b)
__ATOMIC_FETCH__(or, a | b)
__ATOMIC_FETCH__(xor, a ^ b)
__ATOMIC_FETCH__(min, b < a ? b : a)
__ATOMIC_FETCH__(max, a < b ? b : a)
#undef __ATOMIC_FETCH__
template <class T>
METAL_FUNC void atomic_max_explicit(volatile atomic<T>* p, __same<T> v, memory_order o) {
    atomic_fetch_max_explicit(p, v, o);
}
template <class T>
METAL_FUNC void atomic_min_explicit(volatile atomic<T>* p, __same<T> v, memory_order o) {
    atomic_fetch_min_explicit(p, v, o);
}
METAL_FUNC void atomic_thread_fence(mem_flags, memory_order,
                                    thread_scope = thread_scope_device) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

} // namespace metal

using metal::atomic_bool;
using metal::atomic_float;
using metal::atomic_int;
using metal::atomic_uint;
using metal::atomic_ulong;
