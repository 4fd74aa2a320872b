// Integer functions.
#pragma once

namespace metal {

template <class T> constexpr bool __is_int = is_integral<T>::value && !is_same_v<T, bool>;
template <class T> constexpr int __bits = int(sizeof(T)) * 8;
// Twice as wide, signed like T: sums, differences and products of T are exact in it.
template <class T> using __wider =
    conditional_t<is_signed<T>::value,
                  conditional_t<sizeof(T) == 8, __int128, long>,
                  conditional_t<sizeof(T) == 8, unsigned __int128, long>>;

#define __INTEGER1__(name, expression) \
    template <class T, enable_if_t<__is_int<T>, int> = 0> METAL_FUNC T name(T x) { \
        typedef make_unsigned_t<T> U; \
        U u = U(x); \
        return T(expression); \
    } \
    template <class T, int N, enable_if_t<__is_int<T>, int> = 0> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& v) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(v.__e[i]); \
        return r; \
    }
#define __INTEGER2__(name, expression) \
    template <class T, enable_if_t<__is_int<T>, int> = 0> METAL_FUNC T name(T x, __same<T> y) { \
        return T(expression); \
    } \
    template <class T, int N, enable_if_t<__is_int<T>, int> = 0> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& a, __same<const vec<T, N>&> b) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(a.__e[i], b.__e[i]); \
        return r; \
    }
#define __INTEGER3__(name, expression) \
    template <class T, enable_if_t<__is_int<T>, int> = 0> \
    METAL_FUNC T name(T x, __same<T> y, __same<T> z) { return T(expression); } \
    template <class T, int N, enable_if_t<__is_int<T>, int> = 0> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& a, __same<const vec<T, N>&> b, \
                              __same<const vec<T, N>&> c) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(a.__e[i], b.__e[i], c.__e[i]); \
        return r; \
    }

template <class T> METAL_FUNC T __saturated(__wider<T> x) {
    __wider<T> low = numeric_limits<T>::min(), high = numeric_limits<T>::max();
    return T(x < low ? low : x > high ? high : x);
}
template <class T> METAL_FUNC T __rotate_left(T x, T count) {
    typedef make_unsigned_t<T> U;
    unsigned k = unsigned(count) & (__bits<T> - 1);
    return k ? T(U(U(x) << k) | U(U(x) >> (__bits<T> - k))) : x;
}
template <class U> METAL_FUNC U __reversed(U x) {
    U r = 0;
    for (int i = 0; i < __bits<U>; i++) r = U(r << 1) | U(x >> i & 1);
    return r;
}

__INTEGER1__(popcount, __builtin_popcountl(u))
__INTEGER1__(clz, u ? __builtin_clzl(u) - (64 - __bits<T>) : __bits<T>)
__INTEGER1__(ctz, u ? __builtin_ctzl(u) : __bits<T>)
__INTEGER1__(reverse_bits, __reversed(u))
__INTEGER2__(addsat, __saturated<T>(__wider<T>(x) + y))
__INTEGER2__(hadd, (__wider<T>(x) + y) >> 1)
__INTEGER2__(rhadd, (__wider<T>(x) + y + 1) >> 1)
__INTEGER2__(mulhi, (__wider<T>(x) * y) >> __bits<T>)
__INTEGER2__(rotate, __rotate_left(x, y))
__INTEGER3__(madhi, make_unsigned_t<T>(mulhi(x, y)) + make_unsigned_t<T>(z))
__INTEGER3__(madsat, __saturated<T>(__wider<T>(x) * y + z))

// An unsigned difference may be negative, so this one saturates by comparison.
template <class T, enable_if_t<__is_int<T>, int> = 0> METAL_FUNC T subsat(T x, __same<T> y) {
    T r;
    if (!__builtin_sub_overflow(x, y, &r)) return r;
    return y < 0 ? numeric_limits<T>::max() : numeric_limits<T>::min();
}
template <class T, enable_if_t<__is_int<T>, int> = 0>
METAL_FUNC make_unsigned_t<T> absdiff(T x, __same<T> y) {
    typedef make_unsigned_t<T> U;
    return x > y ? U(U(x) - U(y)) : U(U(y) - U(x));
}
METAL_FUNC int mul24(int x, int y) { return (x << 8 >> 8) * (y << 8 >> 8); }
METAL_FUNC uint mul24(uint x, uint y) { return (x & 0xffffffu) * (y & 0xffffffu); }
METAL_FUNC int mad24(int x, int y, int z) { return mul24(x, y) + z; }
METAL_FUNC uint mad24(uint x, uint y, uint z) { return mul24(x, y) + z; }

template <class T, enable_if_t<__is_int<T>, int> = 0>
METAL_FUNC T extract_bits(T x, uint offset, uint bits) {
    if (bits == 0) return 0;
    typedef make_unsigned_t<T> U;
    T top = T(U(x) << (__bits<T> - bits - offset));
    return T(top >> (__bits<T> - bits));
}
template <class T, enable_if_t<__is_int<T>, int> = 0>
METAL_FUNC T insert_bits(T base, __same<T> insert, uint offset, uint bits) {
    typedef make_unsigned_t<T> U;
    if (bits == 0) return base;
    U mask = U(U(U(~U(0)) >> (__bits<T> - bits)) << offset);
    return T((U(base) & U(~mask)) | (U(U(insert) << offset) & mask));
}

} // namespace metal
