// What the generated entry point of a kernel is made of: it fetches each parameter by its kind
// and index; the parameter's type is deduced from the kernel function itself.
#pragma once

namespace metal {

enum class __source {
    buffer, threadgroup, position_in_grid, position_in_threadgroup, threadgroup_position,
    threads_per_threadgroup, dispatch_threads_per_threadgroup, threadgroups_per_grid,
    threads_per_grid, thread_index, lane_index, simdgroup_index, simdgroups, dispatch_simdgroups,
    simdgroup_width, quad_index, quad_lane, quads, grid_origin
};

// A position or size as the type the kernel asked for: a scalar or a vector of uint or ushort.
template <class P> struct __position {
    static METAL_FUNC P from(const unsigned* v) { return P(v[0]); }
};
template <class T, int N> struct __position<vec<T, N>> {
    static METAL_FUNC vec<T, N> from(const unsigned* v) {
        vec<T, N> r;
        for (int i = 0; i < N; i++) r.__e[i] = T(v[i]);
        return r;
    }
};
template <class P> struct __pointer;
template <class T> struct __pointer<T*> {
    static METAL_FUNC T* from(void* p) { return (T*)p; }
};
template <class T> struct __pointer<T&> {
    static METAL_FUNC T& from(void* p) { return *(T*)p; }
};

template <__source S, unsigned I> struct __parameter {
    template <class P>
    static METAL_FUNC P fetch(const softmetal_arguments* a, const softmetal_lane* l) {
        if constexpr (S == __source::buffer) return __pointer<P>::from(a->buffer[I]);
        else if constexpr (S == __source::threadgroup) return __pointer<P>::from(a->threadgroup[I]);
        else {
            unsigned scalar[3] = {0, 0, 0};
            const unsigned* v = scalar;
            if constexpr (S == __source::position_in_grid) v = l->in_grid;
            if constexpr (S == __source::position_in_threadgroup) v = l->in_threadgroup;
            if constexpr (S == __source::threadgroup_position) v = a->threadgroup_position;
            if constexpr (S == __source::threads_per_threadgroup) v = a->threads_per_threadgroup;
            if constexpr (S == __source::dispatch_threads_per_threadgroup)
                v = a->dispatch_threads_per_threadgroup;
            if constexpr (S == __source::threadgroups_per_grid) v = a->threadgroups_per_grid;
            if constexpr (S == __source::threads_per_grid) v = a->threads_per_grid;
            if constexpr (S == __source::thread_index) scalar[0] = l->thread;
            if constexpr (S == __source::lane_index) scalar[0] = l->index;
            if constexpr (S == __source::simdgroup_index) scalar[0] = l->group->index;
            if constexpr (S == __source::simdgroups) scalar[0] = a->simdgroups;
            if constexpr (S == __source::dispatch_simdgroups) scalar[0] = a->dispatch_simdgroups;
            if constexpr (S == __source::simdgroup_width) scalar[0] = SOFTMETAL_LANES;
            if constexpr (S == __source::quad_index) scalar[0] = l->thread / 4;
            if constexpr (S == __source::quad_lane) scalar[0] = l->index & 3;
            if constexpr (S == __source::quads) scalar[0] = a->simdgroups * 8;
            return __position<remove_cv_t<P>>::from(v);
        }
    }
};

template <class... Parameters> struct __kernel {
    template <class... P>
    static METAL_FUNC void call(void (*kernel)(P...), const softmetal_arguments* a,
                                const softmetal_lane* l) {
        static_assert(sizeof...(P) == sizeof...(Parameters), "kernel parameters");
        kernel(Parameters::template fetch<P>(a, l)...);
    }
};

// The value given to a function constant, from its bytes.
template <class T> METAL_FUNC T __constant_value(ulong low, ulong high = 0) {
    ulong words[2] = {low, high};
    T x;
    __builtin_memcpy(&x, words, sizeof x);
    return x;
}

} // namespace metal
