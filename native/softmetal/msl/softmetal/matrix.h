// matrix<T,C,R>: C columns of R components.
#pragma once

namespace metal {

template <class T, int C, int R> struct matrix {
    vec<T, R> columns[C];

    matrix() = default;
    METAL_FUNC explicit matrix(T diagonal) {
        for (int c = 0; c < C; c++)
            for (int r = 0; r < R; r++) columns[c].__e[r] = c == r ? diagonal : T(0);
    }
    template <class... A, enable_if_t<sizeof...(A) == C && (__is_vector<A> && ...), int> = 0>
    METAL_FUNC matrix(const A&... a) : columns{vec<T, R>(a)...} {}
    template <class... A,
              enable_if_t<sizeof...(A) == C * R && (is_arithmetic<A>::value && ...), int> = 0>
    METAL_FUNC matrix(A... a) {
        T all[] = {__convert<T>(a)...};
        for (int i = 0; i < C * R; i++) columns[i / R].__e[i % R] = all[i];
    }
    template <class U, enable_if_t<!is_same_v<T, U>, int> = 0>
    METAL_FUNC explicit matrix(const matrix<U, C, R>& m) {
        for (int c = 0; c < C; c++) columns[c] = vec<T, R>(m.columns[c]);
    }
    METAL_FUNC vec<T, R>& operator[](int c) { return columns[c]; }
    METAL_FUNC const vec<T, R>& operator[](int c) const { return columns[c]; }
    template <class B> METAL_FUNC matrix& operator+=(const B& b) { return *this = *this + b; }
    template <class B> METAL_FUNC matrix& operator-=(const B& b) { return *this = *this - b; }
    template <class B> METAL_FUNC matrix& operator*=(const B& b) { return *this = *this * b; }
};

#define __MATRIX_EACH__(expression) \
    matrix<T, C, R> m; \
    for (int c = 0; c < C; c++) m.columns[c] = expression; \
    return m;
template <class T, int C, int R>
METAL_FUNC matrix<T, C, R> operator+(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
    __MATRIX_EACH__(a.columns[c] + b.columns[c])
}
template <class T, int C, int R>
METAL_FUNC matrix<T, C, R> operator-(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
    __MATRIX_EACH__(a.columns[c] - b.columns[c])
}
template <class T, int C, int R> METAL_FUNC matrix<T, C, R> operator-(const matrix<T, C, R>& a) {
    __MATRIX_EACH__(-a.columns[c])
}
template <class T, int C, int R>
METAL_FUNC matrix<T, C, R> operator*(const matrix<T, C, R>& a, __same<T> s) {
    __MATRIX_EACH__(a.columns[c] * s)
}
template <class T, int C, int R>
METAL_FUNC matrix<T, C, R> operator*(__same<T> s, const matrix<T, C, R>& a) {
    __MATRIX_EACH__(s * a.columns[c])
}
template <class T, int C, int R>
METAL_FUNC bool operator==(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
    bool equal = true;
    for (int c = 0; c < C; c++) equal &= all(a.columns[c] == b.columns[c]);
    return equal;
}
template <class T, int C, int R>
METAL_FUNC vec<T, R> operator*(const matrix<T, C, R>& m, const vec<T, C>& v) {
    vec<T, R> r = m.columns[0] * v.__e[0];
    for (int c = 1; c < C; c++) r += m.columns[c] * v.__e[c];
    return r;
}
template <class T, int C, int R>
METAL_FUNC vec<T, C> operator*(const vec<T, R>& v, const matrix<T, C, R>& m) {
    vec<T, C> r;
    for (int c = 0; c < C; c++) r.__e[c] = dot(v, m.columns[c]);
    return r;
}
template <class T, int K, int C, int R>
METAL_FUNC matrix<T, C, R> operator*(const matrix<T, K, R>& a, const matrix<T, C, K>& b) {
    __MATRIX_EACH__(a * b.columns[c])
}
template <class T, int C, int R> METAL_FUNC matrix<T, R, C> transpose(const matrix<T, C, R>& a) {
    matrix<T, R, C> m;
    for (int c = 0; c < C; c++)
        for (int r = 0; r < R; r++) m.columns[r].__e[c] = a.columns[c].__e[r];
    return m;
}
template <class T, int N> METAL_FUNC T determinant(const matrix<T, N, N>& m) {
    if constexpr (N == 2) {
        return m[0][0] * m[1][1] - m[0][1] * m[1][0];
    } else {
        T sum = T(0);
        for (int skip = 0; skip < N; skip++) { // along the first component of each column
            matrix<T, N - 1, N - 1> minor;
            for (int c = 0, k = 0; c < N; c++) {
                if (c == skip) continue;
                for (int r = 1; r < N; r++) minor[k][r - 1] = m[c][r];
                k++;
            }
            T term = m[skip][0] * determinant(minor);
            sum = skip % 2 ? T(sum - term) : T(sum + term);
        }
        return sum;
    }
}
#undef __MATRIX_EACH__

#define __MATRIX_ROWS__(T, C) \
    typedef matrix<T, C, 2> T##C##x2; \
    typedef matrix<T, C, 3> T##C##x3; \
    typedef matrix<T, C, 4> T##C##x4;
#define __MATRIX_NAMES__(T) __MATRIX_ROWS__(T, 2) __MATRIX_ROWS__(T, 3) __MATRIX_ROWS__(T, 4)
__MATRIX_NAMES__(float)
__MATRIX_NAMES__(half)

} // namespace metal

#define __MATRIX_USING__(T) \
    using metal::T##2x2; using metal::T##2x3; using metal::T##2x4; \
    using metal::T##3x2; using metal::T##3x3; using metal::T##3x4; \
    using metal::T##4x2; using metal::T##4x3; using metal::T##4x4;
__MATRIX_USING__(float)
__MATRIX_USING__(half)
