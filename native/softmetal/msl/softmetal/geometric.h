// Geometric functions.
#pragma once

namespace metal {

template <class T, int N> METAL_FUNC T dot(const vec<T, N>& a, __same<const vec<T, N>&> b) {
    T s = a.__e[0] * b.__e[0];
    for (int i = 1; i < N; i++) s = T(s + a.__e[i] * b.__e[i]);
    return s;
}
template <class T, int N> METAL_FUNC T length_squared(const vec<T, N>& v) { return dot(v, v); }
template <class T, int N> METAL_FUNC T length(const vec<T, N>& v) {
    float s = 0;
    for (int i = 0; i < N; i++) s += float(v.__e[i]) * float(v.__e[i]);
    return T(__builtin_sqrtf(s));
}
template <class T, int N>
METAL_FUNC T distance(const vec<T, N>& a, __same<const vec<T, N>&> b) { return length(a - b); }
template <class T, int N>
METAL_FUNC T distance_squared(const vec<T, N>& a, __same<const vec<T, N>&> b) {
    return length_squared(a - b);
}
template <class T, int N> METAL_FUNC vec<T, N> normalize(const vec<T, N>& v) {
    float s = 0;
    for (int i = 0; i < N; i++) s += float(v.__e[i]) * float(v.__e[i]);
    vec<T, N> r;
    for (int i = 0; i < N; i++) r.__e[i] = T(float(v.__e[i]) / __builtin_sqrtf(s));
    return r;
}
template <class T> METAL_FUNC vec<T, 3> cross(const vec<T, 3>& a, __same<const vec<T, 3>&> b) {
    return vec<T, 3>(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
template <class T, int N>
METAL_FUNC vec<T, N> faceforward(const vec<T, N>& n, __same<const vec<T, N>&> i,
                                 __same<const vec<T, N>&> reference) {
    return dot(reference, i) < T(0) ? n : -n;
}
template <class T, int N>
METAL_FUNC vec<T, N> reflect(const vec<T, N>& i, __same<const vec<T, N>&> n) {
    return i - T(2) * dot(n, i) * n;
}
template <class T, int N>
METAL_FUNC vec<T, N> refract(const vec<T, N>& i, __same<const vec<T, N>&> n, __same<T> eta) {
    T d = dot(n, i);
    T k = T(1) - eta * eta * (T(1) - d * d);
    return k < T(0) ? vec<T, N>(T(0)) : eta * i - (eta * d + sqrt(k)) * n;
}
namespace fast {
using metal::distance;
using metal::dot;
using metal::length;
using metal::normalize;
} // namespace fast
namespace precise {
using metal::distance;
using metal::dot;
using metal::length;
using metal::normalize;
} // namespace precise

} // namespace metal
