// numeric_limits.
#pragma once

namespace metal {

template <class T> struct __no_limits {
    static constexpr bool is_specialized = false;
};
template <class T> struct __float_limits {
    static constexpr bool is_specialized = true, is_signed = true, is_integer = false;
    static constexpr bool is_exact = false, is_iec559 = true, is_bounded = true;
    static constexpr bool has_infinity = true, has_quiet_NaN = true, has_signaling_NaN = true;
    static constexpr int radix = 2;
    static constexpr T infinity() { return T(__builtin_inff()); }
    static constexpr T quiet_NaN() { return T(__builtin_nanf("")); }
    static constexpr T signaling_NaN() { return T(__builtin_nanf("")); }
    static constexpr T round_error() { return T(0.5f); }
};
template <class T, T Low, T High> struct __integer_limits {
    static constexpr bool is_specialized = true, is_signed = Low != 0, is_integer = true;
    static constexpr bool is_exact = true, is_iec559 = false, is_bounded = true;
    static constexpr bool has_infinity = false, has_quiet_NaN = false, has_signaling_NaN = false;
    static constexpr int radix = 2;
    static constexpr int digits = int(sizeof(T)) * 8 - (Low != 0);
    static constexpr T min() { return Low; }
    static constexpr T lowest() { return Low; }
    static constexpr T max() { return High; }
    static constexpr T epsilon() { return 0; }
    static constexpr T infinity() { return 0; }
    static constexpr T quiet_NaN() { return 0; }
};

template <class T> struct numeric_limits : __no_limits<T> {};
template <class T> struct numeric_limits<const T> : numeric_limits<T> {};
template <> struct numeric_limits<bool> : __integer_limits<bool, false, true> {};
template <> struct numeric_limits<char> : __integer_limits<char, CHAR_MIN, CHAR_MAX> {};
template <> struct numeric_limits<signed char> : __integer_limits<signed char, -128, 127> {};
template <> struct numeric_limits<uchar> : __integer_limits<uchar, 0, UCHAR_MAX> {};
template <> struct numeric_limits<short> : __integer_limits<short, SHRT_MIN, SHRT_MAX> {};
template <> struct numeric_limits<ushort> : __integer_limits<ushort, 0, USHRT_MAX> {};
template <> struct numeric_limits<int> : __integer_limits<int, INT_MIN, INT_MAX> {};
template <> struct numeric_limits<uint> : __integer_limits<uint, 0, UINT_MAX> {};
template <> struct numeric_limits<long> : __integer_limits<long, LONG_MIN, LONG_MAX> {};
template <> struct numeric_limits<ulong> : __integer_limits<ulong, 0, ULONG_MAX> {};

#define __FLOAT_LIMITS__(T, low, high, eps, denormal, bits, exponent_min, exponent_max) \
    template <> struct numeric_limits<T> : __float_limits<T> { \
        static constexpr int digits = bits; \
        static constexpr int min_exponent = exponent_min, max_exponent = exponent_max; \
        static constexpr T min() { return T(low); } \
        static constexpr T max() { return T(high); } \
        static constexpr T lowest() { return -T(high); } \
        static constexpr T epsilon() { return T(eps); } \
        static constexpr T denorm_min() { return T(denormal); } \
    };
__FLOAT_LIMITS__(float, 0x1p-126f, 0x1.fffffep127f, 0x1p-23f, 0x1p-149f, 24, -125, 128)
__FLOAT_LIMITS__(half, 0x1p-14f, 65504.0f, 0x1p-10f, 0x1p-24f, 11, -13, 16)
__FLOAT_LIMITS__(bfloat, 0x1p-126f, 0x1.fep127f, 0x1p-7f, 0x1p-133f, 8, -125, 128)

} // namespace metal
