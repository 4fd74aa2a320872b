// simdgroup_matrix: an 8x8 matrix whose elements are spread over the lanes, two per lane.
#pragma once

namespace metal {

// Lane l holds (row, column) and (row, column + 1), in the arrangement of Apple's GPUs, so that
// sources which touch thread_elements() directly find what they expect.
struct __matrix_place {
    unsigned row, column;
    METAL_FUNC __matrix_place() {
        unsigned l = __lane()->index, quad = l / 4;
        row = (quad & 4) + (l / 2 & 3);
        column = (quad & 2) * 2 + (l & 1) * 2;
    }
};

template <class T, int Columns, int Rows = Columns> struct simdgroup_matrix {
    static_assert(Columns == 8 && Rows == 8, "simdgroup matrices are 8x8");
    typedef vec<T, 2> storage_type;
    vec<T, 2> __both;

    simdgroup_matrix() = default;
    METAL_FUNC explicit simdgroup_matrix(T diagonal) {
        __matrix_place p;
        __both = vec<T, 2>(p.row == p.column ? diagonal : T(0),
                           p.row == p.column + 1 ? diagonal : T(0));
    }
    METAL_FUNC vec<T, 2>& thread_elements() { return __both; }
    METAL_FUNC const vec<T, 2>& thread_elements() const { return __both; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <class T, int C, int R = C>
METAL_FUNC simdgroup_matrix<T, C, R> make_filled_simdgroup_matrix(T x) {
    simdgroup_matrix<T, C, R> m;
    m.__both = vec<T, 2>(x);
    return m;
}
template <class T, int C, int R = C>
METAL_FUNC simdgroup_matrix<T, C, R> make_diagonal_simdgroup_matrix(T x) {
    return simdgroup_matrix<T, C, R>(x);
}

#define __MATRIX_ADDRESS__(k) \
    (origin.y + (transpose ? p.column + k : p.row)) * per_row + origin.x + \
        (transpose ? p.row : p.column + k)
template <class T, class U>
METAL_FUNC void simdgroup_load(simdgroup_matrix<T, 8, 8>& m, const U* from, ulong per_row = 8,
                               vec<ulong, 2> origin = vec<ulong, 2>(0ul), bool transpose = false) {
    static_assert(is_same_v<T, remove_cv_t<U>>, "a matrix is loaded from elements of its type");
    __matrix_place p;
    for (unsigned k = 0; k < 2; k++) m.__both.__e[k] = from[__MATRIX_ADDRESS__(k)];
}
template <class T>
METAL_FUNC void simdgroup_store(const simdgroup_matrix<T, 8, 8>& m, T* to, ulong per_row = 8,
                                vec<ulong, 2> origin = vec<ulong, 2>(0ul),
                                bool transpose = false) {
    __matrix_place p;
    for (unsigned k = 0; k < 2; k++) to[__MATRIX_ADDRESS__(k)] = m.__both.__e[k];
}
#undef __MATRIX_ADDRESS__

// Products accumulate in float and round once to D.
template <class D, class A, class B, class C>
METAL_FUNC void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d,
                                              const simdgroup_matrix<A, 8, 8>& a,
                                              const simdgroup_matrix<B, 8, 8>& b,
                                              const simdgroup_matrix<C, 8, 8>& c,
                                              __site site = __here()) {
    __exchange e(site);
    __matrix_place p;
    float* left = e.group->left[e.set];
    float* right = e.group->right[e.set];
    for (unsigned k = 0; k < 2; k++) {
        left[p.row * 8 + p.column + k] = float(a.__both.__e[k]);
        right[p.row * 8 + p.column + k] = float(b.__both.__e[k]);
    }
    e.wait();
    float sum0 = float(c.__both.__e[0]), sum1 = float(c.__both.__e[1]);
    for (unsigned k = 0; k < 8; k++) {
        float x = left[p.row * 8 + k];
        sum0 += x * right[k * 8 + p.column];
        sum1 += x * right[k * 8 + p.column + 1];
    }
    d.__both = vec<D, 2>(D(sum0), D(sum1));
}
template <class D, class A, class B>
METAL_FUNC void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d, const simdgroup_matrix<A, 8, 8>& a,
                                   const simdgroup_matrix<B, 8, 8>& b, __site site = __here()) {
    simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<D, 8, 8>(D(0)), site);
}
template <class T>
METAL_FUNC simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8>& a,
                                               const simdgroup_matrix<T, 8, 8>& b) {
    simdgroup_matrix<T, 8, 8> d;
    simdgroup_multiply(d, a, b);
    return d;
}

} // namespace metal
