// Kernels whose results the tests compare with arithmetic done on the host.
#include <metal_stdlib>
using namespace metal;

constant int scale [[function_constant(3)]];
constant bool has_scale = is_function_constant_defined(scale);

kernel void half_arithmetic(device const float* a [[buffer(0)]],
                            device const float* b [[buffer(1)]],
                            device half* out [[buffer(2)]], device bfloat* brain [[buffer(3)]],
                            uint i [[thread_position_in_grid]]) {
    half x = half(a[i]), y = half(b[i]);
    out[4 * i] = x;
    out[4 * i + 1] = x + y;
    out[4 * i + 2] = x * y;
    out[4 * i + 3] = x * y + x; // two roundings
    bfloat p = bfloat(a[i]), q = bfloat(b[i]);
    brain[3 * i] = p;
    brain[3 * i + 1] = p + q;
    brain[3 * i + 2] = p * q;
}

#define UNARY(F) out[n * k++ + i] = F(v);
kernel void unary_math(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],
                       uint i [[thread_position_in_grid]], uint n [[threads_per_grid]]) {
    float v = x[i];
    uint k = 0;
    UNARY(exp) UNARY(exp2) UNARY(log) UNARY(log2) UNARY(log10) UNARY(sin) UNARY(cos) UNARY(tan)
    UNARY(asin) UNARY(acos) UNARY(atan) UNARY(sinh) UNARY(cosh) UNARY(tanh) UNARY(asinh)
    UNARY(acosh) UNARY(atanh) UNARY(sqrt) UNARY(rsqrt) UNARY(floor) UNARY(ceil) UNARY(trunc)
    UNARY(rint) UNARY(round) UNARY(fabs) UNARY(exp10) UNARY(sinpi) UNARY(cospi)
    UNARY(precise::exp) UNARY(fast::exp) UNARY(precise::tanh) UNARY(erf)
}

kernel void integers(device const int* a [[buffer(0)]], device const int* b [[buffer(1)]],
                     device int* out [[buffer(2)]], uint i [[thread_position_in_grid]]) {
    int x = a[i], y = b[i];
    uint u = as_type<uint>(x), w = as_type<uint>(y);
    device int* o = out + 16 * i;
    o[0] = popcount(x);
    o[1] = clz(x);
    o[2] = ctz(x);
    o[3] = int(reverse_bits(u));
    o[4] = mulhi(x, y);
    o[5] = int(mulhi(u, w));
    o[6] = addsat(x, y);
    o[7] = int(subsat(u, w));
    o[8] = hadd(x, y);
    o[9] = int(rhadd(u, w));
    o[10] = int(rotate(u, w));
    o[11] = int(absdiff(x, y));
    o[12] = extract_bits(x, 3, 7);
    o[13] = int(insert_bits(u, w, 4, 9));
    o[14] = clamp(x, -5, 9) + min(x, y) / 2 + max(x, y) / 3;
    o[15] = char(x) + uchar(y) + short(x) + ushort(y);
}

kernel void vectors(device float* o [[buffer(0)]], constant packed_float3* p [[buffer(1)]]) {
    float4 v(1, 2, 3, 4);
    v.xy = v.wz;
    o[0] = v.x * 10 + v.y; // 43
    v.zw += float2(10, 20);
    o[1] = v.z + v.w; // 13 + 24
    o[2] = dot(v.xyz, float3(1)); // 20
    float3 c = cross(float3(1, 0, 0), float3(0, 1, 0));
    o[3] = c.z;
    o[4] = any(v > 20.0f) && !all(v > 20.0f) ? 1.0f : 0.0f;
    o[5] = select(float4(1), float4(2), v > 5.0f).w;
    float4x4 m = float4x4(2.0f);
    m[3] = float4(1, 2, 3, 1);
    float4 r = m * float4(1, 1, 1, 1);
    o[6] = r.x + r.y * 10 + r.z * 100; // 3 + 40 + 500
    o[7] = determinant(float3x3(2, 0, 0, 0, 3, 0, 0, 0, 4));
    o[8] = transpose(m)[0].w; // 1
    float3 q = p[1];
    o[9] = q.x + q.y + q.z; // 4 + 5 + 6
    o[10] = float(as_type<uint>(pack_float_to_unorm4x8(float4(0, 1, 0.5f, 1))) >> 8 & 255); // 255
    o[11] = unpack_snorm4x8_to_float(0x7f81u).x; // -1
    uchar4 u = uchar4(200, 100, 50, 25);
    u += uchar4(100);
    o[12] = u.x; // 44
    int4 s = int4(u) << 1;
    o[13] = s.y; // 400
    half2 h = half2(float2(1.0f / 3.0f, 2));
    o[14] = float(h.x);
    o[15] = length(float3(2, 3, 6));
    o[16] = sizeof(float3) + sizeof(packed_float3) * 100; // 16 + 1200
    o[17] = clamp(v, 0.0f, 3.5f).x;
    o[18] = mix(float2(0, 10), float2(10, 20), 0.5f).y; // 15
    o[19] = fract(-0.25f); // 0.75
    array<int, 3> a = {{5, 6, 7}};
    o[20] = a[2] + float(a.size());
    o[21] = numeric_limits<half>::max();
    o[22] = float(isnan(float2(NAN, 1)).x) + float(isinf(INFINITY));
    int e;
    o[23] = frexp(12.0f, e) * 100 + e; // 0.75, 4
}

kernel void simd_operations(device const int* in [[buffer(0)]], device int* out [[buffer(1)]],
                            uint i [[thread_position_in_grid]],
                            uint lane [[thread_index_in_simdgroup]]) {
    int x = in[i];
    device int* o = out + 24 * i;
    o[0] = simd_sum(x);
    o[1] = simd_max(x);
    o[2] = simd_min(x);
    o[3] = simd_prefix_inclusive_sum(x);
    o[4] = simd_prefix_exclusive_sum(x);
    o[5] = simd_shuffle(x, ushort(31 - lane));
    o[6] = simd_shuffle_xor(x, 5);
    o[7] = simd_shuffle_down(x, 3);
    o[8] = simd_shuffle_up(x, 3);
    o[9] = simd_broadcast(x, 7);
    o[10] = simd_broadcast_first(x);
    o[11] = int(uint(ulong(simd_vote::vote_t(simd_ballot(x > 0)))));
    o[12] = simd_all(x > -1000000);
    o[13] = simd_any(x == in[i - lane + 3]);
    o[14] = simd_and(x);
    o[15] = simd_or(x);
    o[16] = simd_xor(x);
    o[17] = simd_is_first();
    o[18] = quad_sum(x);
    o[19] = quad_shuffle_xor(x, 1);
    o[20] = quad_broadcast(x, 2);
    o[21] = simd_shuffle_rotate_down(x, 1);
    o[22] = simd_shuffle_and_fill_down(x, -x, 2);
    o[23] = int(simd_sum(float4(x)).z == float(simd_sum(float(x))));
}

kernel void matrix_product(device const float* a [[buffer(0)]], device const half* b [[buffer(1)]],
                           device float* c [[buffer(2)]]) {
    simdgroup_float8x8 x, sum = make_filled_simdgroup_matrix<float, 8>(0.5f);
    simdgroup_half8x8 y;
    for (int k = 0; k < 2; k++) { // 8x16 times 16x8, b transposed in memory
        simdgroup_load(x, a, 16, ulong2(8 * k, 0));
        simdgroup_load(y, b + 8 * k, 16, 0, true);
        simdgroup_multiply_accumulate(sum, x, y, sum);
    }
    simdgroup_store(sum, c, 8);
    simdgroup_store(sum, c + 64, 8, 0, true);
}

kernel void atomics(device atomic_uint* counts [[buffer(0)]],
                    device atomic_float* total [[buffer(1)]],
                    device atomic_int* extremes [[buffer(2)]],
                    uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
    threadgroup atomic_uint local;
    if (t == 0) atomic_store_explicit(&local, 0u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    atomic_fetch_add_explicit(&local, 1u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t == 0)
        atomic_fetch_add_explicit(&counts[0], atomic_load_explicit(&local, memory_order_relaxed),
                                  memory_order_relaxed);
    atomic_fetch_or_explicit(&counts[1], 1u << (i & 31), memory_order_relaxed);
    atomic_fetch_add_explicit(total, 0.5f, memory_order_relaxed);
    atomic_fetch_min_explicit(&extremes[0], int(i) - 7, memory_order_relaxed);
    atomic_fetch_max_explicit(&extremes[1], int(i), memory_order_relaxed);
}

kernel void positions(device uint* out [[buffer(0)]], uint2 at [[thread_position_in_grid]],
                      uint2 grid [[threads_per_grid]],
                      ushort2 local [[thread_position_in_threadgroup]],
                      uint2 group [[threadgroup_position_in_grid]],
                      uint2 size [[threads_per_threadgroup]],
                      uint2 groups [[threadgroups_per_grid]],
                      uint index [[thread_index_in_threadgroup]],
                      ushort lane [[thread_index_in_simdgroup]],
                      ushort simd [[simdgroup_index_in_threadgroup]],
                      uint2 full [[dispatch_threads_per_threadgroup]],
                      ushort width [[threads_per_simdgroup]]) {
    device uint* o = out + 8 * (at.y * grid.x + at.x);
    o[0] = at.x * 1000 + at.y;
    o[1] = local.x * 1000 + local.y;
    o[2] = group.x * 1000 + group.y;
    o[3] = size.x * 1000 + size.y;
    o[4] = groups.x * 1000 + groups.y;
    o[5] = index;
    o[6] = lane + 100 * simd;
    o[7] = full.x * 1000 + width;
}

kernel void tree_sum(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],
                     threadgroup float* scratch [[threadgroup(0)]],
                     uint t [[thread_index_in_threadgroup]], uint n [[threads_per_threadgroup]],
                     uint g [[threadgroup_position_in_grid]]) {
    threadgroup float result;
    scratch[t] = x[g * n + t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint s = n / 2; s > 0; s /= 2) {
        if (t < s) scratch[t] += scratch[t + s];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (t == 0) result = scratch[0];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[g * n + t] = result;
}

// One SIMD-group per row, as most real kernels do it.
kernel void row_sum(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],
                    uint g [[threadgroup_position_in_grid]],
                    ushort lane [[thread_index_in_simdgroup]],
                    ushort simd [[simdgroup_index_in_threadgroup]],
                    ushort simds [[simdgroups_per_threadgroup]]) {
    threadgroup float partial[32];
    uint n = simds * 32;
    float s = simd_sum(x[g * n + simd * 32 + lane]);
    if (lane == 0) partial[simd] = s;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (simd == 0) {
        float all = simd_sum(lane < simds ? partial[lane] : 0.0f);
        if (lane == 0) out[g] = all;
    }
}

kernel void scaled(device int* out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    out[i] = has_scale ? int(i) * scale : -1;
}

template <typename T, int N>
kernel void fill(device T* out, constant T& value, uint i [[thread_position_in_grid]]) {
    for (int k = 0; k < N; k++) out[i * N + k] = value;
}
typedef decltype(fill<float, 2>) fill_t;
template [[host_name("fill_" "float_2")]] kernel fill_t fill<float, 2>;
template [[host_name("fill_int_3")]] [[kernel]] decltype(fill<int, 3>) fill<int, 3>;

// Members that differ by address space only, and overloads that need explicit types.
struct pair {
    float a, b;
    float sum() const thread { return a + b; }
    float sum() const device { return a + b; }
    float sum() const threadgroup { return a + b; }
    operator float() const constant { return a; }
};
kernel void pairs(device const pair* in [[buffer(0)]], device float* out [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
    threadgroup pair copies[4], spare;
    pair own = {in[i].a, in[i].b};
    copies[i] = own;
    spare = own;
    out[i] = in[i].sum() + own.sum() + copies[i].sum();
}
