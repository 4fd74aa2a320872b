// Sums over a threadgroup.
#ifndef MM_REDUCE_H
#define MM_REDUCE_H

#include <metal_stdlib>
using namespace metal;

// The sum of x over all threads, in every thread. `partials` has an element a SIMD-group; the
// barrier in front lets the caller sum several times with the same memory.
METAL_FUNC float threadgroup_sum(float x, threadgroup float* partials, uint lane, uint simdgroup,
                                 uint simdgroups) {
    float sum = simd_sum(x);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (lane == 0) partials[simdgroup] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    return simd_sum(lane < simdgroups ? partials[lane] : 0.0f);
}

#endif
