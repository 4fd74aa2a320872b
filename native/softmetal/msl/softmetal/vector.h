// vec<T,N>: the vector types. A plain class template and not clang's ext_vector_type, because
// Metal sources construct and convert vectors of dependent type (T4(a, b, c, d), float4(h4))
// and use bool4, none of which the built-in vectors accept.
#pragma once
#include <softmetal/swizzle.h>

namespace metal {

template <class T, int N> struct vec;

template <class X> struct __vector_traits { // of a scalar
    static constexpr int width = 0;
    typedef X element;
};
template <class T, int N> struct __vector_traits<vec<T, N>> {
    static constexpr int width = N;
    typedef T element;
};
template <class X> constexpr int __width = __vector_traits<X>::width;
template <class X> using __element = typename __vector_traits<X>::element;
template <class X> constexpr bool __is_vector = __width<X> != 0;
template <class X> constexpr bool __is_operand =
    __is_vector<X> || is_arithmetic<X>::value || __is_enum(X);
template <class X> constexpr int __components = __is_vector<X> ? __width<X> : 1;

// Component i of a vector, or the scalar itself.
template <class T, int N> METAL_FUNC constexpr T __at(const vec<T, N>& v, int i) {
    return v.__e[i];
}
template <class T, enable_if_t<!__is_vector<T>, int> = 0> METAL_FUNC constexpr T __at(T x, int) {
    return x;
}

#define __VECTOR_ASSIGN__(op) \
    template <class B, enable_if_t<__is_operand<B>, int> = 0> \
    METAL_FUNC vec& operator op##=(const B& b) { return *this = vec(*this op b); }

#define __VECTOR_BODY__(N) \
    vec() = default; \
    template <class S, enable_if_t<!__is_vector<S> && __is_operand<S>, int> = 0> \
    METAL_FUNC constexpr vec(S s) : __e{} { \
        for (int i = 0; i < N; i++) __e[i] = __convert<T>(s); \
    } \
    template <class U, enable_if_t<!is_same_v<T, U>, int> = 0> \
    METAL_FUNC explicit constexpr vec(const vec<U, N>& v) : __e{} { \
        for (int i = 0; i < N; i++) __e[i] = __convert<T>(v.__e[i]); \
    } \
    template <class A, class B, class... R, \
              enable_if_t<__is_operand<A> && __is_operand<B> && (__is_operand<R> && ...) && \
                          __components<A> + __components<B> + (__components<R> + ... + 0) == N, \
                          int> = 0> \
    METAL_FUNC constexpr vec(const A& a, const B& b, const R&... r) : __e{} { \
        int i = 0; \
        __append(i, a); \
        __append(i, b); \
        (__append(i, r), ...); \
    } \
    template <class A> METAL_FUNC constexpr void __append(int& i, const A& a) { \
        for (int k = 0; k < __components<A>; k++) __e[i++] = __convert<T>(__at(a, k)); \
    } \
    template <class I> METAL_FUNC constexpr T& operator[](I i) { return __e[i]; } \
    template <class I> METAL_FUNC constexpr const T& operator[](I i) const { return __e[i]; } \
    METAL_FUNC vec& operator++() { return *this += T(1); } \
    METAL_FUNC vec& operator--() { return *this -= T(1); } \
    METAL_FUNC vec operator++(int) { vec v = *this; *this += T(1); return v; } \
    METAL_FUNC vec operator--(int) { vec v = *this; *this -= T(1); return v; } \
    __VECTOR_ASSIGN__(+) __VECTOR_ASSIGN__(-) __VECTOR_ASSIGN__(*) __VECTOR_ASSIGN__(/) \
    __VECTOR_ASSIGN__(%) __VECTOR_ASSIGN__(&) __VECTOR_ASSIGN__(|) __VECTOR_ASSIGN__(^) \
    __VECTOR_ASSIGN__(<<) __VECTOR_ASSIGN__(>>)

template <class T> struct alignas(2 * sizeof(T)) vec<T, 2> {
    union {
        T __e[2];
        struct { T x, y; };
        struct { T r, g; };
    };
    __SWIZZLES_OF2__(x, y)
    __SWIZZLES_OF2__(r, g)
    __VECTOR_BODY__(2)
};
template <class T> struct alignas(4 * sizeof(T)) vec<T, 3> {
    union {
        T __e[3];
        struct { T x, y, z; };
        struct { T r, g, b; };
    };
    __SWIZZLES_OF3__(x, y, z)
    __SWIZZLES_OF3__(r, g, b)
    __VECTOR_BODY__(3)
};
template <class T> struct alignas(4 * sizeof(T)) vec<T, 4> {
    union {
        T __e[4];
        struct { T x, y, z, w; };
        struct { T r, g, b, a; };
    };
    __SWIZZLES_OF4__(x, y, z, w)
    __SWIZZLES_OF4__(r, g, b, a)
    __VECTOR_BODY__(4)
};

// The vector that an operation on A and B yields. Two vectors must agree; a scalar is converted
// to the vector's element type, as the language says.
template <class A, class B, bool = __is_vector<A>, bool = __is_vector<B>> struct __common {};
template <class A, class B> struct __common<A, B, true, false> { typedef A type; };
template <class A, class B> struct __common<A, B, false, true> { typedef B type; };
template <class A> struct __common<A, A, true, true> { typedef A type; };
template <class A, class B> using __common_t =
    typename __common<A, enable_if_t<__is_operand<A> && __is_operand<B>, B>>::type;
template <class V> using __bools = vec<bool, __width<V>>;

#define __VECTOR_ARITHMETIC__(op) \
    template <class A, class B, class V = __common_t<A, B>> \
    METAL_FUNC constexpr V operator op(const A& a, const B& b) { \
        typedef __element<V> E; \
        V r{}; \
        for (int i = 0; i < __width<V>; i++) \
            r.__e[i] = E(__convert<E>(__at(a, i)) op __convert<E>(__at(b, i))); \
        return r; \
    }
__VECTOR_ARITHMETIC__(+)
__VECTOR_ARITHMETIC__(-)
__VECTOR_ARITHMETIC__(*)
__VECTOR_ARITHMETIC__(/)
__VECTOR_ARITHMETIC__(%)
__VECTOR_ARITHMETIC__(&)
__VECTOR_ARITHMETIC__(|)
__VECTOR_ARITHMETIC__(^)
#define __VECTOR_SHIFT__(op) /* a shift count may be of another integer type */ \
    template <class A, class B, \
              class V = conditional_t<__is_vector<A>, A, vec<A, __components<B>>>, \
              enable_if_t<(__is_vector<A> || __is_vector<B>) && __is_operand<A> && \
                          __is_operand<B>, int> = 0> \
    METAL_FUNC constexpr V operator op(const A& a, const B& b) { \
        V r{}; \
        for (int i = 0; i < __width<V>; i++) r.__e[i] = __element<V>(__at(a, i) op __at(b, i)); \
        return r; \
    }
__VECTOR_SHIFT__(<<)
__VECTOR_SHIFT__(>>)
#define __VECTOR_COMPARE__(op) \
    template <class A, class B, class V = __common_t<A, B>> \
    METAL_FUNC constexpr __bools<V> operator op(const A& a, const B& b) { \
        typedef __element<V> E; \
        __bools<V> r{}; \
        for (int i = 0; i < __width<V>; i++) \
            r.__e[i] = __convert<E>(__at(a, i)) op __convert<E>(__at(b, i)); \
        return r; \
    }
__VECTOR_COMPARE__(==)
__VECTOR_COMPARE__(!=)
__VECTOR_COMPARE__(<)
__VECTOR_COMPARE__(>)
__VECTOR_COMPARE__(<=)
__VECTOR_COMPARE__(>=)
__VECTOR_COMPARE__(&&)
__VECTOR_COMPARE__(||)
#define __VECTOR_UNARY__(op, R) \
    template <class T, int N> METAL_FUNC constexpr vec<R, N> operator op(const vec<T, N>& v) { \
        vec<R, N> r{}; \
        for (int i = 0; i < N; i++) r.__e[i] = R(op v.__e[i]); \
        return r; \
    }
__VECTOR_UNARY__(-, T)
__VECTOR_UNARY__(+, T)
__VECTOR_UNARY__(~, T)
__VECTOR_UNARY__(!, bool)

#define __VECTOR_NAMES__(T) \
    typedef vec<T, 2> T##2; \
    typedef vec<T, 3> T##3; \
    typedef vec<T, 4> T##4;
#define __FOR_EACH_ELEMENT__(F) \
    F(bool) F(char) F(uchar) F(short) F(ushort) F(int) F(uint) F(long) F(ulong) F(half) F(bfloat) \
    F(float)
__FOR_EACH_ELEMENT__(__VECTOR_NAMES__)

} // namespace metal

#define __VECTOR_USING__(T) \
    using metal::T##2; \
    using metal::T##3; \
    using metal::T##4;
__FOR_EACH_ELEMENT__(__VECTOR_USING__)
