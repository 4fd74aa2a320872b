// Packing of normalised and half-precision values into integers.
#pragma once

namespace metal {

METAL_FUNC float __unit(float x, float low) {
    return __builtin_isnan(x) ? 0.0f : __builtin_fminf(__builtin_fmaxf(x, low), 1.0f);
}
#define __PACK__(suffix, N, W, I, low, scale, mask, bits) \
    METAL_FUNC W pack_float_to_##suffix(const vec<float, N>& v) { \
        W r = 0; \
        for (int i = 0; i < N; i++) \
            r |= W(W(I(__builtin_rintf(__unit(v.__e[i], low) * scale))) & mask) << (bits * i); \
        return r; \
    } \
    METAL_FUNC W pack_half_to_##suffix(const vec<half, N>& v) { \
        return pack_float_to_##suffix(vec<float, N>(v)); \
    } \
    METAL_FUNC vec<float, N> unpack_##suffix##_to_float(W x) { \
        vec<float, N> v; \
        for (int i = 0; i < N; i++) \
            v.__e[i] = __builtin_fmaxf(float(I((x >> (bits * i)) & mask)) / scale, low); \
        return v; \
    } \
    METAL_FUNC vec<half, N> unpack_##suffix##_to_half(W x) { \
        return vec<half, N>(unpack_##suffix##_to_float(x)); \
    }
__PACK__(snorm4x8, 4, uint, char, -1.0f, 127.0f, 0xffu, 8)
__PACK__(unorm4x8, 4, uint, uchar, 0.0f, 255.0f, 0xffu, 8)
__PACK__(snorm2x16, 2, uint, short, -1.0f, 32767.0f, 0xffffu, 16)
__PACK__(unorm2x16, 2, uint, ushort, 0.0f, 65535.0f, 0xffffu, 16)
#undef __PACK__

// Fields of different widths, lowest bits first.
METAL_FUNC uint __pack_field(float x, uint top, int shift) {
    return uint(__builtin_rintf(__unit(x, 0.0f) * float(top))) << shift;
}
METAL_FUNC uint pack_float_to_unorm10a2(const vec<float, 4>& v) {
    return __pack_field(v.x, 1023, 0) | __pack_field(v.y, 1023, 10) | __pack_field(v.z, 1023, 20) |
           __pack_field(v.w, 3, 30);
}
METAL_FUNC vec<float, 4> unpack_unorm10a2_to_float(uint x) {
    return vec<float, 4>(float(x & 1023) / 1023.0f, float(x >> 10 & 1023) / 1023.0f,
                         float(x >> 20 & 1023) / 1023.0f, float(x >> 30) / 3.0f);
}
METAL_FUNC ushort pack_float_to_unorm565(const vec<float, 3>& v) {
    return ushort(__pack_field(v.z, 31, 0) | __pack_field(v.y, 63, 5) | __pack_field(v.x, 31, 11));
}
METAL_FUNC vec<float, 3> unpack_unorm565_to_float(ushort x) {
    return vec<float, 3>(float(x >> 11 & 31) / 31.0f, float(x >> 5 & 63) / 63.0f,
                         float(x & 31) / 31.0f);
}

} // namespace metal
