// Scalar types, their limits as macros, and the type traits of the Metal language.
#pragma once

typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef _Float16 half;
typedef __bf16 bfloat;

constexpr half operator""h(long double x) { return half(x); }
constexpr half operator""h(unsigned long long x) { return half(x); }
constexpr half operator""H(long double x) { return half(x); }
constexpr bfloat operator""bf(long double x) { return bfloat(float(x)); }
constexpr bfloat operator""BF(long double x) { return bfloat(float(x)); }

#define __METAL_INLINE__ inline __attribute__((always_inline))
#define METAL_FUNC __METAL_INLINE__
#define METAL_ALWAYS_INLINE __METAL_INLINE__
#define METAL_NOINLINE __attribute__((noinline))
#define METAL_CONST const
#define METAL_PURE
#define METAL_THREAD
#define __METAL_MAYBE_FAST_MATH__ 0

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VALF __builtin_inff()
#define HUGE_VALH half(__builtin_inff())
#define MAXFLOAT __FLT_MAX__
#define MAXHALF half(65504.0f)
#define FLT_MAX __FLT_MAX__
#define FLT_MIN __FLT_MIN__
#define FLT_EPSILON __FLT_EPSILON__
#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define FLT_MAX_EXP 128
#define FLT_MIN_EXP (-125)
#define FLT_MAX_10_EXP 38
#define FLT_MIN_10_EXP (-37)
#define FLT_RADIX 2
#define HALF_MAX half(65504.0f)
#define HALF_MIN half(6.103515625e-5f)
#define HALF_EPSILON half(9.765625e-4f)
#define HALF_DIG 3
#define HALF_MANT_DIG 11
#define HALF_MAX_EXP 16
#define HALF_MIN_EXP (-13)
#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define CHAR_MAX 127
#define CHAR_MIN (-128)
#define UCHAR_MAX 255
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX 4294967295u
#define LONG_MAX 9223372036854775807l
#define LONG_MIN (-LONG_MAX - 1)
#define ULONG_MAX 18446744073709551615ul

#define M_E_F 2.71828182845904523536f
#define M_LOG2E_F 1.44269504088896340736f
#define M_LOG10E_F 0.43429448190325182765f
#define M_LN2_F 0.69314718055994530942f
#define M_LN10_F 2.30258509299404568402f
#define M_PI_F 3.14159265358979323846f
#define M_PI_2_F 1.57079632679489661923f
#define M_PI_4_F 0.78539816339744830962f
#define M_1_PI_F 0.31830988618379067154f
#define M_2_PI_F 0.63661977236758134308f
#define M_2_SQRTPI_F 1.12837916709551257390f
#define M_SQRT2_F 1.41421356237309504880f
#define M_SQRT1_2_F 0.70710678118654752440f
#define M_E_H half(M_E_F)
#define M_LOG2E_H half(M_LOG2E_F)
#define M_LOG10E_H half(M_LOG10E_F)
#define M_LN2_H half(M_LN2_F)
#define M_LN10_H half(M_LN10_F)
#define M_PI_H half(M_PI_F)
#define M_PI_2_H half(M_PI_2_F)
#define M_PI_4_H half(M_PI_4_F)
#define M_1_PI_H half(M_1_PI_F)
#define M_2_PI_H half(M_2_PI_F)
#define M_2_SQRTPI_H half(M_2_SQRTPI_F)
#define M_SQRT2_H half(M_SQRT2_F)
#define M_SQRT1_2_H half(M_SQRT1_2_F)

namespace metal {

template <class T, T V> struct integral_constant {
    static constexpr T value = V;
    typedef T value_type;
    typedef integral_constant type;
    constexpr operator T() const { return V; }
    constexpr T operator()() const { return V; }
};
template <bool B> using bool_constant = integral_constant<bool, B>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;

template <bool B, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> { typedef T type; };
template <bool B, class T = void> using enable_if_t = typename enable_if<B, T>::type;
template <bool B, class T, class F> struct conditional { typedef T type; };
template <class T, class F> struct conditional<false, T, F> { typedef F type; };
template <bool B, class T, class F> using conditional_t = typename conditional<B, T, F>::type;
template <class...> using void_t = void;

template <class T> struct remove_const { typedef T type; };
template <class T> struct remove_const<const T> { typedef T type; };
template <class T> struct remove_volatile { typedef T type; };
template <class T> struct remove_volatile<volatile T> { typedef T type; };
template <class T> struct remove_cv : remove_const<typename remove_volatile<T>::type> {};
template <class T> struct remove_reference { typedef T type; };
template <class T> struct remove_reference<T&> { typedef T type; };
template <class T> struct remove_reference<T&&> { typedef T type; };
template <class T> struct remove_pointer { typedef T type; };
template <class T> struct remove_pointer<T*> { typedef T type; };
template <class T> struct remove_extent { typedef T type; };
template <class T, size_t N> struct remove_extent<T[N]> { typedef T type; };
template <class T> struct add_const { typedef const T type; };
template <class T> struct add_pointer { typedef typename remove_reference<T>::type* type; };
template <class T> struct decay : remove_cv<typename remove_reference<T>::type> {};
template <class T> using remove_const_t = typename remove_const<T>::type;
template <class T> using remove_volatile_t = typename remove_volatile<T>::type;
template <class T> using remove_cv_t = typename remove_cv<T>::type;
template <class T> using remove_reference_t = typename remove_reference<T>::type;
template <class T> using remove_pointer_t = typename remove_pointer<T>::type;
template <class T> using remove_extent_t = typename remove_extent<T>::type;
template <class T> using add_pointer_t = typename add_pointer<T>::type;
template <class T> using decay_t = typename decay<T>::type;
// Address spaces are one here, so removing one changes nothing.
template <class T> struct remove_address_space { typedef T type; };
template <class T> using remove_address_space_t = T;
template <class T> T&& declval();
template <class T> METAL_FUNC constexpr T&& forward(remove_reference_t<T>& x) { return (T&&)x; }
template <class T> METAL_FUNC constexpr remove_reference_t<T>&& move(T&& x) {
    return (remove_reference_t<T>&&)x;
}
template <class T> METAL_FUNC void swap(T& a, T& b) {
    T c = a;
    a = b;
    b = c;
}

template <class A, class B> struct is_same : false_type {};
template <class A> struct is_same<A, A> : true_type {};
template <class A, class B> constexpr bool is_same_v = is_same<A, B>::value;
template <class T, class... R> constexpr bool __is_any = (is_same<T, R>::value || ...);

#define __METAL_TRAIT__(name, ...) \
    template <class T> struct name : bool_constant<(__VA_ARGS__)> {}; \
    template <class T> constexpr bool name##_v = name<T>::value;
__METAL_TRAIT__(is_void, is_same_v<remove_cv_t<T>, void>)
__METAL_TRAIT__(is_floating_point, __is_any<remove_cv_t<T>, float, half, bfloat, double>)
__METAL_TRAIT__(is_integral, __is_any<remove_cv_t<T>, bool, char, signed char, uchar, short, ushort,
                                      int, uint, long, ulong, long long, unsigned long long>)
__METAL_TRAIT__(is_arithmetic, is_integral<T>::value || is_floating_point<T>::value)
__METAL_TRAIT__(is_scalar, is_arithmetic<T>::value || __is_enum(T))
__METAL_TRAIT__(is_enum, __is_enum(T))
__METAL_TRAIT__(is_class, __is_class(T))
__METAL_TRAIT__(is_union, __is_union(T))
__METAL_TRAIT__(is_empty, __is_empty(T))
__METAL_TRAIT__(is_const, __is_const(T))
__METAL_TRAIT__(is_volatile, __is_volatile(T))
__METAL_TRAIT__(is_pointer, __is_pointer(T))
__METAL_TRAIT__(is_reference, __is_reference(T))
__METAL_TRAIT__(is_array, __is_array(T))
__METAL_TRAIT__(is_trivially_copyable, __is_trivially_copyable(T))
template <class T, bool = is_arithmetic<T>::value> struct is_signed
    : bool_constant<(T(-1) < T(0))> {};
template <class T> struct is_signed<T, false> : false_type {};
template <class T, bool = is_arithmetic<T>::value> struct is_unsigned
    : bool_constant<!(T(-1) < T(0))> {};
template <class T> struct is_unsigned<T, false> : false_type {};
template <class T> constexpr bool is_signed_v = is_signed<T>::value;
template <class T> constexpr bool is_unsigned_v = is_unsigned<T>::value;
template <class A, class B> struct is_convertible : bool_constant<__is_convertible(A, B)> {};
template <class A, class B> constexpr bool is_convertible_v = is_convertible<A, B>::value;
template <class A, class B> struct is_base_of : bool_constant<__is_base_of(A, B)> {};
template <class A, class B> constexpr bool is_base_of_v = is_base_of<A, B>::value;
template <class T, class... A> struct is_constructible
    : bool_constant<__is_constructible(T, A...)> {};

template <size_t Bytes, bool Signed> struct __integer;
#define __METAL_INTEGER__(bytes, s, u) \
    template <> struct __integer<bytes, true> { typedef s type; }; \
    template <> struct __integer<bytes, false> { typedef u type; };
__METAL_INTEGER__(1, char, uchar)
__METAL_INTEGER__(2, short, ushort)
__METAL_INTEGER__(4, int, uint)
__METAL_INTEGER__(8, long, ulong)
template <class T> struct make_unsigned : __integer<sizeof(T), false> {};
template <class T> struct make_signed : __integer<sizeof(T), true> {};
template <class T> using make_unsigned_t = typename make_unsigned<T>::type;
template <class T> using make_signed_t = typename make_signed<T>::type;

template <class T, size_t N> struct array {
    T __elements[N];
    constexpr T& operator[](size_t i) { return __elements[i]; }
    constexpr const T& operator[](size_t i) const { return __elements[i]; }
    static constexpr size_t size() { return N; }
    constexpr T* data() { return __elements; }
    constexpr const T* data() const { return __elements; }
};

// clang has no direct conversion between half and bfloat; both are exact in float.
template <class T, class U> METAL_FUNC constexpr T __convert(U x) {
    if constexpr ((is_same_v<T, half> && is_same_v<U, bfloat>) ||
                  (is_same_v<T, bfloat> && is_same_v<U, half>))
        return T(float(x));
    else
        return T(x);
}

} // namespace metal

template <class T, class U> METAL_FUNC T as_type(const U& x) {
    static_assert(sizeof(T) == sizeof(U), "as_type needs types of the same size");
    T y;
    __builtin_memcpy(&y, &x, sizeof y);
    return y;
}
namespace metal { using ::as_type; }
