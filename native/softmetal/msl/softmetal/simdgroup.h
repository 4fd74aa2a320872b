// SIMD-group and quad-group functions, and barriers. Each operation is an exchange: a lane
// deposits its operand, waits until all lanes of its group have done so, and computes its result
// from all the operands.
#pragma once

namespace metal {

typedef softmetal_site __site;

METAL_FUNC void threadgroup_barrier(mem_flags flags, __site site = __here()) {
    softmetal_rt->barrier(__lane(), unsigned(flags), &site);
    __asm__ volatile("" ::: "memory");
}

// One operation in progress, seen from one lane.
struct __exchange {
    softmetal_group* group;
    unsigned lane, set;
    __site site;

    METAL_FUNC explicit __exchange(const __site& s) : site(s) {
        softmetal_lane* self = __lane();
        group = self->group;
        lane = self->index;
        set = group->generation & 1;
    }
    METAL_FUNC void wait() const {
        softmetal_rt->simd_wait(__lane(), &site);
        __asm__ volatile("" ::: "memory");
    }
    template <class T> METAL_FUNC void deposit(const T& x) const {
        static_assert(sizeof(T) <= sizeof group->slot[0][0], "operand too large");
        __builtin_memcpy(group->slot[set][lane], &x, sizeof x);
    }
    METAL_FUNC unsigned mask() const { return group->mask[set]; }
    template <class T> METAL_FUNC T of(unsigned i) const {
        if (!(mask() >> i & 1)) softmetal_rt->inactive_lane(__lane(), i, &site);
        T x;
        __builtin_memcpy(&x, group->slot[set][i], sizeof x);
        return x;
    }
};

// The first lane that comes here computes for all. Pairwise, as hardware does: the rounding
// error of a sum grows with the depth of the tree and not with the number of lanes.
template <class T, class F> METAL_FUNC T __reduce(T x, T neutral, F combine, const __site& site) {
    __exchange e(site);
    e.deposit(x);
    e.wait();
    T r;
    if (!e.group->ready[e.set]) {
        T all[SOFTMETAL_LANES];
        for (unsigned i = 0; i < SOFTMETAL_LANES; i++) {
            if (e.mask() >> i & 1)
                __builtin_memcpy(&all[i], e.group->slot[e.set][i], sizeof(T));
            else
                all[i] = neutral;
        }
        for (unsigned half_width = SOFTMETAL_LANES / 2; half_width; half_width /= 2)
            for (unsigned i = 0; i < half_width; i++) all[i] = combine(all[i], all[i + half_width]);
        __builtin_memcpy(e.group->result[e.set], &all[0], sizeof(T));
        e.group->ready[e.set] = 1;
    }
    __builtin_memcpy(&r, e.group->result[e.set], sizeof(T));
    return r;
}
template <class T, class F>
METAL_FUNC T __quad_reduce(T x, F combine, const __site& site) {
    __exchange e(site);
    e.deposit(x);
    e.wait();
    unsigned q = e.lane & ~3u;
    return combine(combine(e.of<T>(q), e.of<T>(q + 2)), combine(e.of<T>(q + 1), e.of<T>(q + 3)));
}
template <class T, class F>
METAL_FUNC T __scan(T x, T neutral, bool inclusive, F combine, const __site& site) {
    __exchange e(site);
    e.deposit(x);
    e.wait();
    T r = neutral;
    for (unsigned i = 0; i < e.lane + inclusive; i++)
        if (e.mask() >> i & 1) r = combine(r, e.of<T>(i));
    return r;
}

template <class T> METAL_FUNC T __highest() {
    typedef __element<T> E;
    if constexpr (__is_float<E>) return T(numeric_limits<E>::infinity());
    else return T(numeric_limits<E>::max());
}
template <class T> METAL_FUNC T __lowest() {
    typedef __element<T> E;
    if constexpr (__is_float<E>) return T(-numeric_limits<E>::infinity());
    else return T(numeric_limits<E>::lowest());
}
#define __SIMD_REDUCTION__(name, neutral, expression) \
    template <class T> METAL_FUNC T simd_##name(T x, __site site = __here()) { \
        return __reduce<T>(x, neutral, [](T a, T b) { return T(expression); }, site); \
    } \
    template <class T> METAL_FUNC T quad_##name(T x, __site site = __here()) { \
        return __quad_reduce<T>(x, [](T a, T b) { return T(expression); }, site); \
    }
__SIMD_REDUCTION__(sum, T(0), a + b)
__SIMD_REDUCTION__(product, T(1), a * b)
__SIMD_REDUCTION__(min, __highest<T>(), min(a, b))
__SIMD_REDUCTION__(max, __lowest<T>(), max(a, b))
__SIMD_REDUCTION__(and, T(~T(0)), a & b)
__SIMD_REDUCTION__(or, T(0), a | b)
__SIMD_REDUCTION__(xor, T(0), a ^ b)
#undef __SIMD_REDUCTION__
#define __SIMD_SCAN__(name, neutral, expression) \
    template <class T> METAL_FUNC T simd_prefix_inclusive_##name(T x, __site site = __here()) { \
        return __scan<T>(x, neutral, true, [](T a, T b) { return T(expression); }, site); \
    } \
    template <class T> METAL_FUNC T simd_prefix_exclusive_##name(T x, __site site = __here()) { \
        return __scan<T>(x, neutral, false, [](T a, T b) { return T(expression); }, site); \
    }
__SIMD_SCAN__(sum, T(0), a + b)
__SIMD_SCAN__(product, T(1), a * b)
#undef __SIMD_SCAN__

METAL_FUNC bool simd_all(bool x, __site site = __here()) {
    return __reduce<uint>(x, 1u, [](uint a, uint b) { return a & b; }, site);
}
METAL_FUNC bool simd_any(bool x, __site site = __here()) {
    return __reduce<uint>(x, 0u, [](uint a, uint b) { return a | b; }, site);
}
METAL_FUNC uint __ballot(bool x, const __site& site) {
    __exchange e(site);
    uint bit = uint(x) << e.lane;
    return __reduce<uint>(bit, 0u, [](uint a, uint b) { return a | b; }, site);
}

class simd_vote {
  public:
    typedef ulong vote_t;
    METAL_FUNC explicit simd_vote(vote_t votes = 0) : votes_(votes) {}
    METAL_FUNC explicit operator vote_t() const { return votes_; }
    METAL_FUNC bool all() const { return votes_ == 0xffffffffu; }
    METAL_FUNC bool any() const { return votes_ != 0; }

  private:
    vote_t votes_;
};
METAL_FUNC simd_vote simd_ballot(bool x, __site site = __here()) {
    return simd_vote(__ballot(x, site));
}
METAL_FUNC simd_vote simd_active_threads_mask(__site site = __here()) {
    return simd_vote(__ballot(true, site));
}
METAL_FUNC bool simd_is_first(__site site = __here()) {
    uint mask = __ballot(true, site);
    return __lane()->index == uint(__builtin_ctz(mask));
}
METAL_FUNC bool simd_is_helper_thread() { return false; }

class quad_vote {
  public:
    typedef uint vote_t;
    METAL_FUNC explicit quad_vote(vote_t votes = 0) : votes_(votes) {}
    METAL_FUNC explicit operator vote_t() const { return votes_; }
    METAL_FUNC bool all() const { return votes_ == 15; }
    METAL_FUNC bool any() const { return votes_ != 0; }

  private:
    vote_t votes_;
};
METAL_FUNC quad_vote quad_ballot(bool x, __site site = __here()) {
    return quad_vote(__ballot(x, site) >> (__lane()->index & ~3u) & 15);
}
METAL_FUNC bool quad_all(bool x, __site site = __here()) { return quad_ballot(x, site).all(); }
METAL_FUNC bool quad_any(bool x, __site site = __here()) { return quad_ballot(x, site).any(); }
METAL_FUNC bool quad_is_first(__site site = __here()) {
    uint quad = __ballot(true, site) >> (__lane()->index & ~3u) & 15;
    return (__lane()->index & 3) == uint(__builtin_ctz(quad));
}

// Shuffles. `source` may name no lane (an up or down shuffle over the edge): the lane then keeps
// its own value, which is one of the results that Metal leaves open.
#define __SHUFFLE__(name, lanes, source) \
    template <class T> METAL_FUNC T name(T x, ushort n, __site site = __here()) { \
        __exchange e(site); \
        e.deposit(x); \
        e.wait(); \
        int self = int(e.lane), k = int(n), from = (source); \
        (void)k; \
        return from < 0 || from > 31 || (from & ~(lanes - 1)) != (self & ~(lanes - 1)) \
                   ? x \
                   : e.of<T>(unsigned(from)); \
    }
__SHUFFLE__(simd_shuffle, 32, k)
__SHUFFLE__(simd_broadcast, 32, k)
__SHUFFLE__(simd_shuffle_xor, 32, self ^ k)
__SHUFFLE__(simd_shuffle_down, 32, self + k)
__SHUFFLE__(simd_shuffle_up, 32, self - k)
__SHUFFLE__(simd_shuffle_rotate_down, 32, (self + k) & 31)
__SHUFFLE__(simd_shuffle_rotate_up, 32, (self - k) & 31)
__SHUFFLE__(quad_shuffle, 4, (self & ~3) + k)
__SHUFFLE__(quad_broadcast, 4, (self & ~3) + k)
__SHUFFLE__(quad_shuffle_xor, 4, self ^ k)
__SHUFFLE__(quad_shuffle_down, 4, self + k)
__SHUFFLE__(quad_shuffle_up, 4, self - k)
__SHUFFLE__(quad_shuffle_rotate_down, 4, (self & ~3) + ((self + k) & 3))
__SHUFFLE__(quad_shuffle_rotate_up, 4, (self & ~3) + ((self - k) & 3))
#undef __SHUFFLE__

// Lanes over the edge take from `fill`, as if it were the neighbouring group of `modulo` lanes.
template <class T>
METAL_FUNC T simd_shuffle_and_fill_down(T x, T fill, ushort delta, ushort modulo = 32,
                                        __site site = __here()) {
    unsigned self = __lane()->index, base = self & ~(unsigned(modulo) - 1), to = self + delta;
    bool inside = to < base + modulo;
    T a = simd_shuffle(x, ushort(to & 31), site);
    T b = simd_shuffle(fill, ushort(base + (to - base) % modulo), site);
    return inside ? a : b;
}
template <class T>
METAL_FUNC T simd_shuffle_and_fill_up(T x, T fill, ushort delta, ushort modulo = 32,
                                      __site site = __here()) {
    unsigned self = __lane()->index, base = self & ~(unsigned(modulo) - 1);
    int to = int(self) - int(delta);
    bool inside = to >= int(base);
    T a = simd_shuffle(x, ushort(to & 31), site);
    T b = simd_shuffle(fill, ushort(base + unsigned(to + 32 - int(base)) % modulo), site);
    return inside ? a : b;
}
template <class T> METAL_FUNC T simd_broadcast_first(T x, __site site = __here()) {
    __exchange e(site);
    e.deposit(x);
    e.wait();
    return e.of<T>(unsigned(__builtin_ctz(e.mask())));
}
template <class T> METAL_FUNC T quad_broadcast_first(T x, __site site = __here()) {
    __exchange e(site);
    e.deposit(x);
    e.wait();
    unsigned q = e.lane & ~3u;
    return e.of<T>(q + unsigned(__builtin_ctz(e.mask() >> q & 15)));
}

METAL_FUNC void simdgroup_barrier(mem_flags, __site site = __here()) { __exchange(site).wait(); }

} // namespace metal
