// Kernels for the tests of the C interface.
#include <metal_stdlib>
using namespace metal;

constant int factor [[function_constant(0)]];

struct ScaleArgs {
    uint count;
    float addend;
};

// y = factor x + addend
kernel void scale(constant ScaleArgs &args [[buffer(0)]],
                  device const float *x [[buffer(1)]],
                  device float *y [[buffer(2)]],
                  uint i [[thread_position_in_grid]]) {
    if (i < args.count) y[i] = x[i] * float(factor) + args.addend;
}

// x += 1
kernel void increment(device float *x [[buffer(1)]], uint i [[thread_position_in_grid]]) {
    x[i] += 1.0f;
}

// Sum of a threadgroup, through threadgroup memory of the host's.
kernel void sum(device const float *x [[buffer(1)]],
                device float *total [[buffer(2)]],
                threadgroup float *shared [[threadgroup(0)]],
                uint thread_index [[thread_index_in_threadgroup]],
                uint group [[threadgroup_position_in_grid]],
                uint threads [[threads_per_threadgroup]]) {
    shared[thread_index] = x[group * threads + thread_index];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (thread_index != 0) return;
    float value = 0.0f;
    for (uint i = 0; i < threads; i++) value += shared[i];
    total[group] = value;
}

// Waits for nothing and nobody, only long enough to be in flight for a while.
kernel void spin(device float *x [[buffer(1)]], uint i [[thread_position_in_grid]]) {
    float value = x[i];
    for (uint k = 0; k < 20000; k++) value = fract(value * 1.618f + 0.1f);
    x[i] = value;
}
