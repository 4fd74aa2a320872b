// Each kernel has one mistake that a check must find; the one after it, where there is one, is
// the same kernel put right.
#include <metal_stdlib>
using namespace metal;

kernel void off_by_one(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                       uint i [[thread_position_in_grid]]) {
    y[i + 1] = x[i];
}
kernel void reads_before(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) {
    y[i] = x[int(i) - 1];
}
kernel void past_threadgroup_array(device float* y [[buffer(0)]],
                                   uint t [[thread_index_in_threadgroup]]) {
    threadgroup float a[32];
    threadgroup float b[32];
    a[t] = 1.0f;
    b[t + 1] = 2.0f;
    y[t] = a[t] + b[t + 1];
}

kernel void missing_barrier(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]],
                            uint n [[threads_per_threadgroup]]) {
    threadgroup float a[64];
    a[t] = float(t);
    y[t] = a[n - 1 - t];
}
kernel void with_barrier(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]],
                         uint n [[threads_per_threadgroup]]) {
    threadgroup float a[64];
    a[t] = float(t);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[t] = a[n - 1 - t];
}
kernel void wrong_fence(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]],
                        uint n [[threads_per_threadgroup]]) {
    threadgroup float a[64];
    a[t] = float(t);
    threadgroup_barrier(mem_flags::mem_device);
    y[t] = a[n - 1 - t];
}

// Right only if the lanes of a SIMD-group run in lockstep.
kernel void lockstep(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    threadgroup float a[32];
    a[t] = float(t);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    float next = a[(t + 1) % 32];
    a[t] = next; // a neighbour may not have read yet
    simdgroup_barrier(mem_flags::mem_threadgroup);
    y[t] = a[t];
}
kernel void no_lockstep(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    threadgroup float a[32];
    a[t] = float(t);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    float next = a[(t + 1) % 32];
    simdgroup_barrier(mem_flags::mem_threadgroup);
    a[t] = next;
    simdgroup_barrier(mem_flags::mem_threadgroup);
    y[t] = a[t];
}

kernel void divergent_barrier(device float* y [[buffer(0)]],
                              uint t [[thread_index_in_threadgroup]]) {
    if (t < 40) threadgroup_barrier(mem_flags::mem_threadgroup);
    y[t] = 1.0f;
}
kernel void early_return(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    if (t >= 60) return;
    threadgroup_barrier(mem_flags::mem_none);
    y[t] = 1.0f;
}
kernel void two_barriers(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    if (t < 32) {
        threadgroup_barrier(mem_flags::mem_none);
    } else {
        threadgroup_barrier(mem_flags::mem_none);
    }
    y[t] = 1.0f;
}
kernel void divergent_simd(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    float s = 0.0f;
    if (t % 2 == 0) {
        s = simd_sum(1.0f);
    } else {
        s = simd_max(2.0f);
    }
    y[t] = s;
}
kernel void simd_against_barrier(device float* y [[buffer(0)]],
                                 uint t [[thread_index_in_threadgroup]]) {
    if (t % 32 < 16) y[t] = simd_sum(1.0f);
    threadgroup_barrier(mem_flags::mem_none);
}

kernel void device_race(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    y[t / 2] = float(t);
}
kernel void race_between_threadgroups(device float* y [[buffer(0)]],
                                      uint t [[thread_index_in_threadgroup]]) {
    y[t] = float(t);
}
kernel void plain_and_atomic(device atomic_uint* n [[buffer(0)]],
                             uint t [[thread_index_in_threadgroup]]) {
    if (t == 5) ((device uint*)n)[0] = 7u;
    else atomic_fetch_add_explicit(n, 1u, memory_order_relaxed);
}

kernel void never_written(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    threadgroup float a[64];
    if (t != 9) a[t] = 1.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[t] = a[t];
}
kernel void accumulates(device float* y [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    y[i] += 1.0f; // of an output that nobody has initialised
}
kernel void skips_one(device float* y [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    if (i != 17) y[i] = 1.0f;
}
kernel void too_much_memory(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    threadgroup float a[8200];
    a[t] = 1.0f;
    y[t] = a[t];
}
kernel void inactive_source(device float* y [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    if (t >= 20) return;
    y[t] = simd_shuffle(float(t), ushort(25));
}
