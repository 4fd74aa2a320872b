// Swizzles as properties: v.xyz reads through a getter that returns a real vec<T,3>, so that it
// deduces like any vector, and v.xyz = w writes through a setter. Members proxied through a
// union would make the vector non-trivial.
#pragma once

enum { __at_x, __at_y, __at_z, __at_w, __at_r = 0, __at_g, __at_b, __at_a };

#define __SWIZZLE2__(a, b) \
    METAL_FUNC vec<T, 2> __get_##a##b() const { return vec<T, 2>(__e[__at_##a], __e[__at_##b]); } \
    METAL_FUNC void __put_##a##b(vec<T, 2> v) { \
        static_assert(__at_##a != __at_##b, "a component is assigned twice"); \
        __e[__at_##a] = v.__e[0]; \
        __e[__at_##b] = v.__e[1]; \
    } \
    __declspec(property(get = __get_##a##b, put = __put_##a##b)) vec<T, 2> a##b;

#define __SWIZZLE3__(a, b, c) \
    METAL_FUNC vec<T, 3> __get_##a##b##c() const { \
        return vec<T, 3>(__e[__at_##a], __e[__at_##b], __e[__at_##c]); \
    } \
    METAL_FUNC void __put_##a##b##c(vec<T, 3> v) { \
        static_assert(__at_##a != __at_##b && __at_##a != __at_##c && __at_##b != __at_##c, \
                      "a component is assigned twice"); \
        __e[__at_##a] = v.__e[0]; \
        __e[__at_##b] = v.__e[1]; \
        __e[__at_##c] = v.__e[2]; \
    } \
    __declspec(property(get = __get_##a##b##c, put = __put_##a##b##c)) vec<T, 3> a##b##c;

#define __SWIZZLE4__(a, b, c, d) \
    METAL_FUNC vec<T, 4> __get_##a##b##c##d() const { \
        return vec<T, 4>(__e[__at_##a], __e[__at_##b], __e[__at_##c], __e[__at_##d]); \
    } \
    METAL_FUNC void __put_##a##b##c##d(vec<T, 4> v) { \
        static_assert((1 << __at_##a | 1 << __at_##b | 1 << __at_##c | 1 << __at_##d) == 15, \
                      "a component is assigned twice"); \
        __e[__at_##a] = v.__e[0]; \
        __e[__at_##b] = v.__e[1]; \
        __e[__at_##c] = v.__e[2]; \
        __e[__at_##d] = v.__e[3]; \
    } \
    __declspec(property(get = __get_##a##b##c##d, put = __put_##a##b##c##d)) vec<T, 4> a##b##c##d;

// F over all pairs, triples and quadruples of two, three or four letters.
#define __OF2_1__(F, p, q, ...) F(__VA_ARGS__, p) F(__VA_ARGS__, q)
#define __OF2_2__(F, p, q, ...) \
    __OF2_1__(F, p, q, __VA_ARGS__, p) __OF2_1__(F, p, q, __VA_ARGS__, q)
#define __OF2_3__(F, p, q, ...) \
    __OF2_2__(F, p, q, __VA_ARGS__, p) __OF2_2__(F, p, q, __VA_ARGS__, q)
#define __OF3_1__(F, p, q, r, ...) F(__VA_ARGS__, p) F(__VA_ARGS__, q) F(__VA_ARGS__, r)
#define __OF3_2__(F, p, q, r, ...) \
    __OF3_1__(F, p, q, r, __VA_ARGS__, p) __OF3_1__(F, p, q, r, __VA_ARGS__, q) \
    __OF3_1__(F, p, q, r, __VA_ARGS__, r)
#define __OF3_3__(F, p, q, r, ...) \
    __OF3_2__(F, p, q, r, __VA_ARGS__, p) __OF3_2__(F, p, q, r, __VA_ARGS__, q) \
    __OF3_2__(F, p, q, r, __VA_ARGS__, r)
#define __OF4_1__(F, p, q, r, s, ...) \
    F(__VA_ARGS__, p) F(__VA_ARGS__, q) F(__VA_ARGS__, r) F(__VA_ARGS__, s)
#define __OF4_2__(F, p, q, r, s, ...) \
    __OF4_1__(F, p, q, r, s, __VA_ARGS__, p) __OF4_1__(F, p, q, r, s, __VA_ARGS__, q) \
    __OF4_1__(F, p, q, r, s, __VA_ARGS__, r) __OF4_1__(F, p, q, r, s, __VA_ARGS__, s)
#define __OF4_3__(F, p, q, r, s, ...) \
    __OF4_2__(F, p, q, r, s, __VA_ARGS__, p) __OF4_2__(F, p, q, r, s, __VA_ARGS__, q) \
    __OF4_2__(F, p, q, r, s, __VA_ARGS__, r) __OF4_2__(F, p, q, r, s, __VA_ARGS__, s)

#define __SWIZZLES_OF2__(p, q) \
    __OF2_1__(__SWIZZLE2__, p, q, p) __OF2_1__(__SWIZZLE2__, p, q, q) \
    __OF2_2__(__SWIZZLE3__, p, q, p) __OF2_2__(__SWIZZLE3__, p, q, q) \
    __OF2_3__(__SWIZZLE4__, p, q, p) __OF2_3__(__SWIZZLE4__, p, q, q)
#define __SWIZZLES_OF3__(p, q, r) \
    __OF3_1__(__SWIZZLE2__, p, q, r, p) __OF3_1__(__SWIZZLE2__, p, q, r, q) \
    __OF3_1__(__SWIZZLE2__, p, q, r, r) __OF3_2__(__SWIZZLE3__, p, q, r, p) \
    __OF3_2__(__SWIZZLE3__, p, q, r, q) __OF3_2__(__SWIZZLE3__, p, q, r, r) \
    __OF3_3__(__SWIZZLE4__, p, q, r, p) __OF3_3__(__SWIZZLE4__, p, q, r, q) \
    __OF3_3__(__SWIZZLE4__, p, q, r, r)
#define __SWIZZLES_OF4__(p, q, r, s) \
    __OF4_1__(__SWIZZLE2__, p, q, r, s, p) __OF4_1__(__SWIZZLE2__, p, q, r, s, q) \
    __OF4_1__(__SWIZZLE2__, p, q, r, s, r) __OF4_1__(__SWIZZLE2__, p, q, r, s, s) \
    __OF4_2__(__SWIZZLE3__, p, q, r, s, p) __OF4_2__(__SWIZZLE3__, p, q, r, s, q) \
    __OF4_2__(__SWIZZLE3__, p, q, r, s, r) __OF4_2__(__SWIZZLE3__, p, q, r, s, s) \
    __OF4_3__(__SWIZZLE4__, p, q, r, s, p) __OF4_3__(__SWIZZLE4__, p, q, r, s, q) \
    __OF4_3__(__SWIZZLE4__, p, q, r, s, r) __OF4_3__(__SWIZZLE4__, p, q, r, s, s)
