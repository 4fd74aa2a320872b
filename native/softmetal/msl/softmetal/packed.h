// packed_vec<T,N>: N elements at the alignment of one.
#pragma once

namespace metal {

template <class T, int N> struct packed_vec {
    T __e[N];

    packed_vec() = default;
    METAL_FUNC constexpr packed_vec(const vec<T, N>& v) : __e{} {
        for (int i = 0; i < N; i++) __e[i] = v.__e[i];
    }
    template <class... A, enable_if_t<sizeof...(A) == N && N != 1, int> = 0>
    METAL_FUNC constexpr packed_vec(A... a) : __e{__convert<T>(a)...} {}
    template <class S, enable_if_t<is_arithmetic<S>::value, int> = 0>
    METAL_FUNC constexpr packed_vec(S s) : packed_vec(vec<T, N>(s)) {}
    METAL_FUNC constexpr operator vec<T, N>() const {
        vec<T, N> v{};
        for (int i = 0; i < N; i++) v.__e[i] = __e[i];
        return v;
    }
    template <class U, enable_if_t<!is_same_v<T, U>, int> = 0>
    METAL_FUNC explicit constexpr operator vec<U, N>() const {
        return vec<U, N>(vec<T, N>(*this));
    }
    template <class I> METAL_FUNC constexpr T& operator[](I i) { return __e[i]; }
    template <class I> METAL_FUNC constexpr const T& operator[](I i) const { return __e[i]; }

    METAL_FUNC T __get_x() const { return __e[0]; }
    METAL_FUNC T __get_y() const { return __e[1]; }
    METAL_FUNC T __get_z() const { static_assert(N > 2, "no z"); return __e[2]; }
    METAL_FUNC T __get_w() const { static_assert(N > 3, "no w"); return __e[3]; }
    METAL_FUNC void __put_x(T a) { __e[0] = a; }
    METAL_FUNC void __put_y(T a) { __e[1] = a; }
    METAL_FUNC void __put_z(T a) { static_assert(N > 2, "no z"); __e[2] = a; }
    METAL_FUNC void __put_w(T a) { static_assert(N > 3, "no w"); __e[3] = a; }
    __declspec(property(get = __get_x, put = __put_x)) T x;
    __declspec(property(get = __get_y, put = __put_y)) T y;
    __declspec(property(get = __get_z, put = __put_z)) T z;
    __declspec(property(get = __get_w, put = __put_w)) T w;

#define __PACKED_ASSIGN__(op) \
    template <class B> METAL_FUNC packed_vec& operator op##=(const B& b) { \
        return *this = vec<T, N>(*this) op b; \
    }
    __PACKED_ASSIGN__(+) __PACKED_ASSIGN__(-) __PACKED_ASSIGN__(*) __PACKED_ASSIGN__(/)
};

// In an expression a packed vector is the vector of its elements.
#define __PACKED_OPERATOR__(op) \
    template <class T, int N, class B> \
    METAL_FUNC auto operator op(const packed_vec<T, N>& a, const B& b) { \
        return vec<T, N>(a) op b; \
    } \
    template <class A, class T, int N, enable_if_t<__is_operand<A>, int> = 0> \
    METAL_FUNC auto operator op(const A& a, const packed_vec<T, N>& b) { \
        return a op vec<T, N>(b); \
    }
__PACKED_OPERATOR__(+)
__PACKED_OPERATOR__(-)
__PACKED_OPERATOR__(*)
__PACKED_OPERATOR__(/)
__PACKED_OPERATOR__(==)
__PACKED_OPERATOR__(!=)

#define __PACKED_NAMES__(T) \
    typedef packed_vec<T, 2> packed_##T##2; \
    typedef packed_vec<T, 3> packed_##T##3; \
    typedef packed_vec<T, 4> packed_##T##4;
__FOR_EACH_ELEMENT__(__PACKED_NAMES__)

} // namespace metal

#define __PACKED_USING__(T) \
    using metal::packed_##T##2; \
    using metal::packed_##T##3; \
    using metal::packed_##T##4;
__FOR_EACH_ELEMENT__(__PACKED_USING__)
