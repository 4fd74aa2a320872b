// Math and common functions. The scalar overloads for float and half are ordinary functions, as
// Apple's are: a call that is ambiguous there is ambiguous here. Those for bfloat are templates,
// so that a source which brings its own bfloat overloads (MLX does) still compiles.
// Numerics: everything is computed in float by the C library and rounded once to the result
// type. The fast and the precise namespaces and the default give the same, precise, result.
#pragma once

namespace metal {

#define __LIFT1__(name) \
    template <class T, int N, enable_if_t<__is_float<T>, int> = 0> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& v) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(v.__e[i]); \
        return r; \
    }
#define __LIFT2__(name) \
    template <class T, int N> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& a, __same<const vec<T, N>&> b) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(a.__e[i], b.__e[i]); \
        return r; \
    } \
    template <class T, int N> METAL_FUNC vec<T, N> name(__same<T> a, const vec<T, N>& b) { \
        return name(vec<T, N>(a), b); \
    }
#define __LIFT3__(name) \
    template <class T, int N> \
    METAL_FUNC vec<T, N> name(const vec<T, N>& a, __same<const vec<T, N>&> b, \
                              __same<const vec<T, N>&> c) { \
        vec<T, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(a.__e[i], b.__e[i], c.__e[i]); \
        return r; \
    }
#define __BFLOAT__ template <class T, enable_if_t<is_same_v<T, bfloat>, int> = 0> METAL_FUNC
#define __MATH1__(name, expression) \
    METAL_FUNC float name(float x) { return expression; } \
    METAL_FUNC half name(half y) { float x = y; return half(expression); } \
    __BFLOAT__ T name(T y) { float x = __wide(y); return T(float(expression)); } \
    __LIFT1__(name)
#define __MATH2__(name, expression) \
    METAL_FUNC float name(float x, float y) { return expression; } \
    METAL_FUNC half name(half u, half v) { float x = u, y = v; return half(expression); } \
    __BFLOAT__ T name(T u, T v) { \
        float x = __wide(u), y = __wide(v); \
        return T(float(expression)); \
    } \
    __LIFT2__(name)
#define __MATH3__(name, expression) \
    METAL_FUNC float name(float x, float y, float z) { return expression; } \
    METAL_FUNC half name(half u, half v, half w) { \
        float x = u, y = v, z = w; \
        return half(expression); \
    } \
    __BFLOAT__ T name(T u, T v, T w) { \
        float x = __wide(u), y = __wide(v), z = __wide(w); \
        return T(float(expression)); \
    } \
    __LIFT3__(name)

// pi times an argument is reduced first, so that sinpi(1) is zero.
METAL_FUNC double __times_pi(float x) {
    return 3.14159265358979323846 * double(x - 2.0f * __builtin_rintf(0.5f * x));
}
METAL_FUNC float __quotient_fraction(float x) {
    return __builtin_isinf(x) ? 0.0f * x : __builtin_fminf(x - __builtin_floorf(x), 0x1.fffffep-1f);
}

#define __METAL_TRANSCENDENTAL__ \
    __MATH1__(exp, __builtin_expf(x)) \
    __MATH1__(exp2, __builtin_exp2f(x)) \
    __MATH1__(exp10, float(__builtin_pow(10.0, double(x)))) \
    __MATH1__(log, __builtin_logf(x)) \
    __MATH1__(log2, __builtin_log2f(x)) \
    __MATH1__(log10, __builtin_log10f(x)) \
    __MATH1__(sin, __builtin_sinf(x)) \
    __MATH1__(cos, __builtin_cosf(x)) \
    __MATH1__(tan, __builtin_tanf(x)) \
    __MATH1__(sinpi, float(__builtin_sin(__times_pi(x)))) \
    __MATH1__(cospi, float(__builtin_cos(__times_pi(x)))) \
    __MATH1__(tanpi, float(__builtin_tan(__times_pi(x)))) \
    __MATH1__(asin, __builtin_asinf(x)) \
    __MATH1__(acos, __builtin_acosf(x)) \
    __MATH1__(atan, __builtin_atanf(x)) \
    __MATH1__(sinh, __builtin_sinhf(x)) \
    __MATH1__(cosh, __builtin_coshf(x)) \
    __MATH1__(tanh, __builtin_tanhf(x)) \
    __MATH1__(asinh, __builtin_asinhf(x)) \
    __MATH1__(acosh, __builtin_acoshf(x)) \
    __MATH1__(atanh, __builtin_atanhf(x)) \
    __MATH1__(sqrt, __builtin_sqrtf(x)) \
    __MATH1__(rsqrt, float(1.0 / __builtin_sqrt(double(x)))) \
    __MATH2__(pow, __builtin_powf(x, y)) \
    __MATH2__(powr, __builtin_powf(x, y)) \
    __MATH2__(atan2, __builtin_atan2f(x, y)) \
    __MATH2__(fmod, __builtin_fmodf(x, y)) \
    __MATH2__(divide, x / y) \
    template <class T> METAL_FUNC T sincos(T x, T& c) { \
        c = cos(x); \
        return sin(x); \
    }
#define __METAL_COMMON__ \
    __MATH1__(floor, __builtin_floorf(x)) \
    __MATH1__(ceil, __builtin_ceilf(x)) \
    __MATH1__(trunc, __builtin_truncf(x)) \
    __MATH1__(rint, __builtin_rintf(x)) \
    __MATH1__(round, __builtin_roundf(x)) \
    __MATH1__(fabs, __builtin_fabsf(x)) \
    __MATH1__(fract, __quotient_fraction(x)) \
    __MATH1__(saturate, __builtin_fminf(__builtin_fmaxf(x, 0.0f), 1.0f)) \
    __MATH1__(sign, x > 0 ? 1.0f : x < 0 ? -1.0f : __builtin_isnan(x) ? 0.0f : x) \
    __MATH2__(fmin, __builtin_fminf(x, y)) \
    __MATH2__(fmax, __builtin_fmaxf(x, y))
__METAL_TRANSCENDENTAL__
__METAL_COMMON__
namespace fast {
__METAL_TRANSCENDENTAL__
__METAL_COMMON__
} // namespace fast
namespace precise {
__METAL_TRANSCENDENTAL__
__METAL_COMMON__
} // namespace precise

__MATH1__(erf, __builtin_erff(x))
__MATH1__(erfc, __builtin_erfcf(x))
__MATH1__(expm1, __builtin_expm1f(x))
__MATH1__(log1p, __builtin_log1pf(x))
__MATH1__(cbrt, __builtin_cbrtf(x))
__MATH1__(radians, x * 0.01745329251994329577f)
__MATH1__(degrees, x * 57.2957795130823208768f)
__MATH2__(copysign, __builtin_copysignf(x, y))
__MATH2__(fdim, __builtin_fdimf(x, y))
__MATH2__(step, y < x ? 0.0f : 1.0f)
__MATH3__(fma, __builtin_fmaf(x, y, z))
__MATH3__(mix, x + (y - x) * z)
__MATH3__(fmin3, __builtin_fminf(x, __builtin_fminf(y, z)))
__MATH3__(fmax3, __builtin_fmaxf(x, __builtin_fmaxf(y, z)))
__MATH3__(fmedian3, __builtin_fmaxf(__builtin_fminf(x, y),
                                    __builtin_fminf(__builtin_fmaxf(x, y), z)))
METAL_FUNC float __smooth(float t) {
    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    return t * t * (3.0f - 2.0f * t);
}
__MATH3__(smoothstep, __smooth((z - x) / (y - x)))

METAL_FUNC float nextafter(float x, float y) { return __builtin_nextafterf(x, y); }
METAL_FUNC half nextafter(half x, half y) {
    if (isnan(x) || isnan(y)) return half(NAN);
    if (x == y) return y;
    ushort bits = as_type<ushort>(x);
    if (x == half(0)) return as_type<half>(ushort((as_type<ushort>(y) & 0x8000) | 1));
    return as_type<half>(ushort((x < y) == (x > half(0)) ? bits + 1 : bits - 1));
}
__LIFT2__(nextafter)

template <class T> struct __int_like { typedef int type; };
template <class T, int N> struct __int_like<vec<T, N>> { typedef vec<int, N> type; };
template <class T> using __int_like_t = typename __int_like<T>::type;
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC T ldexp(const T& x, __same<const __int_like_t<T>&> k) {
    if constexpr (__is_vector<T>) {
        T r;
        for (int i = 0; i < __width<T>; i++) r.__e[i] = ldexp(x.__e[i], k.__e[i]);
        return r;
    } else
        return T(float(__builtin_ldexp(double(float(x)), k)));
}
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC T frexp(const T& x, __int_like_t<T>& k) {
    if constexpr (__is_vector<T>) {
        T r;
        for (int i = 0; i < __width<T>; i++) r.__e[i] = frexp(x.__e[i], k.__e[i]);
        return r;
    } else
        return T(__builtin_frexpf(float(x), &k));
}
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC __int_like_t<T> ilogb(const T& x) {
    if constexpr (__is_vector<T>) {
        __int_like_t<T> r;
        for (int i = 0; i < __width<T>; i++) r.__e[i] = ilogb(x.__e[i]);
        return r;
    } else
        return __builtin_ilogbf(float(x));
}
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC T modf(const T& x, T& whole) {
    whole = trunc(x);
    return copysign(T(x - whole), x);
}

// abs, min, max and clamp exist for every arithmetic type.
#define __FOR_EACH_INTEGER__(F) F(char) F(uchar) F(short) F(ushort) F(int) F(uint) F(long) F(ulong)
#define __MINMAX__(T) \
    METAL_FUNC T min(T a, T b) { return b < a ? b : a; } \
    METAL_FUNC T max(T a, T b) { return a < b ? b : a; } \
    METAL_FUNC T clamp(T x, T low, T high) { return min(max(x, low), high); } \
    METAL_FUNC T min3(T a, T b, T c) { return min(a, min(b, c)); } \
    METAL_FUNC T max3(T a, T b, T c) { return max(a, max(b, c)); } \
    METAL_FUNC T median3(T a, T b, T c) { return max(min(a, b), min(max(a, b), c)); }
#define __ABS__(T) \
    METAL_FUNC T abs(T x) { return x < T(0) ? T(-x) : x; }
__FOR_EACH_INTEGER__(__MINMAX__)
__FOR_EACH_INTEGER__(__ABS__)
METAL_FUNC float abs(float x) { return __builtin_fabsf(x); }
METAL_FUNC half abs(half x) { return half(__builtin_fabsf(x)); }
__BFLOAT__ T abs(T x) { return T(__builtin_fabsf(__wide(x))); }
template <class T, int N> METAL_FUNC vec<T, N> abs(const vec<T, N>& v) {
    vec<T, N> r;
    for (int i = 0; i < N; i++) r.__e[i] = abs(v.__e[i]);
    return r;
}
// Of a number and a NaN, min and max return the number.
__MATH2__(min, __builtin_fminf(x, y))
__MATH2__(max, __builtin_fmaxf(x, y))
__MATH3__(clamp, __builtin_fminf(__builtin_fmaxf(x, y), z))
__MATH3__(min3, __builtin_fminf(x, __builtin_fminf(y, z)))
__MATH3__(max3, __builtin_fmaxf(x, __builtin_fmaxf(y, z)))
__MATH3__(median3, __builtin_fmaxf(__builtin_fminf(x, y),
                                   __builtin_fminf(__builtin_fmaxf(x, y), z)))
namespace fast {
__MATH2__(min, __builtin_fminf(x, y))
__MATH2__(max, __builtin_fmaxf(x, y))
__MATH3__(clamp, __builtin_fminf(__builtin_fmaxf(x, y), z))
__MATH1__(abs, __builtin_fabsf(x))
} // namespace fast
namespace precise {
__MATH2__(min, __builtin_fminf(x, y))
__MATH2__(max, __builtin_fmaxf(x, y))
__MATH3__(clamp, __builtin_fminf(__builtin_fmaxf(x, y), z))
__MATH3__(fma, __builtin_fmaf(x, y, z))
__MATH1__(abs, __builtin_fabsf(x))
} // namespace precise

} // namespace metal
