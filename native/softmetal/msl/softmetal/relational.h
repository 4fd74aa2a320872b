// Relational functions: all, any, select, isnan and their kin.
#pragma once

namespace metal {

template <class T> struct __identity { typedef T type; };
// A parameter of this type takes part in conversion but not in deduction.
template <class T> using __same = typename __identity<T>::type;

template <class T> constexpr bool __is_float = is_floating_point<T>::value;
template <class T> METAL_FUNC constexpr float __wide(T x) { return float(x); }

#define __CLASSIFY__(name, expression) \
    METAL_FUNC bool name(float x) { return expression; } \
    METAL_FUNC bool name(half y) { float x = y; return expression; } \
    template <class T, enable_if_t<is_same_v<T, bfloat>, int> = 0> METAL_FUNC bool name(T y) { \
        float x = __wide(y); \
        return expression; \
    } \
    template <class T, int N> METAL_FUNC vec<bool, N> name(const vec<T, N>& v) { \
        vec<bool, N> r; \
        for (int i = 0; i < N; i++) r.__e[i] = name(v.__e[i]); \
        return r; \
    }
__CLASSIFY__(isnan, __builtin_isnan(x))
__CLASSIFY__(isinf, __builtin_isinf(x))
__CLASSIFY__(isfinite, __builtin_isfinite(x))
__CLASSIFY__(signbit, __builtin_signbit(x) != 0)
#undef __CLASSIFY__
// A subnormal half is a normal float, so normality is asked of the type itself.
template <class T, enable_if_t<__is_float<T>, int> = 0> METAL_FUNC bool isnormal(T x) {
    T a = x < T(0) ? T(-x) : x;
    return a >= numeric_limits<T>::min() && a <= numeric_limits<T>::max();
}
template <class T, int N> METAL_FUNC vec<bool, N> isnormal(const vec<T, N>& v) {
    vec<bool, N> r;
    for (int i = 0; i < N; i++) r.__e[i] = isnormal(v.__e[i]);
    return r;
}
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC auto isordered(const T& a, const T& b) { return (a == a) && (b == b); }
template <class T, enable_if_t<__is_float<__element<T>>, int> = 0>
METAL_FUNC auto isunordered(const T& a, const T& b) { return (a != a) || (b != b); }
#define __COMPARE__(name, op) \
    template <class T, enable_if_t<__is_float<__element<T>>, int> = 0> \
    METAL_FUNC auto name(const T& a, const T& b) { return a op b; }
__COMPARE__(isequal, ==)
__COMPARE__(isnotequal, !=)
__COMPARE__(isgreater, >)
__COMPARE__(isgreaterequal, >=)
__COMPARE__(isless, <)
__COMPARE__(islessequal, <=)
#undef __COMPARE__

METAL_FUNC bool all(bool x) { return x; }
METAL_FUNC bool any(bool x) { return x; }
template <int N> METAL_FUNC bool all(const vec<bool, N>& v) {
    bool r = true;
    for (int i = 0; i < N; i++) r &= v.__e[i];
    return r;
}
template <int N> METAL_FUNC bool any(const vec<bool, N>& v) {
    bool r = false;
    for (int i = 0; i < N; i++) r |= v.__e[i];
    return r;
}

// select(a, b, c) is c ? b : a, per component.
template <class T, enable_if_t<!__is_vector<T>, int> = 0>
METAL_FUNC T select(T a, __same<T> b, bool c) { return c ? b : a; }
template <class T, int N>
METAL_FUNC vec<T, N> select(const vec<T, N>& a, __same<const vec<T, N>&> b,
                            const vec<bool, N>& c) {
    vec<T, N> r;
    for (int i = 0; i < N; i++) r.__e[i] = c.__e[i] ? b.__e[i] : a.__e[i];
    return r;
}
template <class T, int N>
METAL_FUNC vec<T, N> select(const vec<T, N>& a, __same<const vec<T, N>&> b, bool c) {
    return c ? b : a;
}
// An integer condition decides by its sign bit when it is a vector's.
template <class T, class I, int N,
          enable_if_t<is_integral<I>::value && !is_same_v<I, bool>, int> = 0>
METAL_FUNC vec<T, N> select(const vec<T, N>& a, __same<const vec<T, N>&> b, const vec<I, N>& c) {
    vec<T, N> r;
    for (int i = 0; i < N; i++)
        r.__e[i] = (c.__e[i] >> (sizeof(I) * 8 - 1)) & 1 ? b.__e[i] : a.__e[i];
    return r;
}

} // namespace metal
