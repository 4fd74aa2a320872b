// Vectors, SIMD operations, atomics, positions and memory of the Metal headers and executor.
#include "launch.h"

#include <algorithm>
#include <numeric>

using namespace harness;

TEST(semantics_vectors_matrices_and_packing) {
    std::vector<float> o(24), packed = {1, 2, 3, 4, 5, 6};
    launch("semantics.metal", "vectors", 1, 1).bind(0, o).bind(1, packed).run();
    const float third = 0.333251953125f; // 1/3 rounded to half
    const float expected[] = {43, 37, 20, 1, 1, 2, 543, 24, 1, 15, 255, -1,
                              44, 400, third, 7, 1216, 3.5f, 15, 0.75f, 10, 65504, 2, 79};
    for (int i = 0; i < 24; i++)
        CHECK_NEAR(o[i], expected[i], 0, "result " + std::to_string(i));
}

TEST(semantics_simd_operations_match_their_definition) {
    constexpr int n = 96;
    std::vector<int> in(n), out(24 * n);
    for (int i = 0; i < n; i++) in[i] = (i * 7919) % 1013 - 500;
    auto l = launch("semantics.metal", "simd_operations", 1, n);
    auto counters = l.bind(0, in).bind(1, out).run();
    CHECK(counters.simd_operations > 3 * 20);
    for (int i = 0; i < n; i++) {
        const int base = i / 32 * 32, lane = i % 32, *x = &in[base], *o = &out[24 * i];
        auto quad = [&](int k) { return x[(lane & ~3) + k]; };
        int prefix = std::accumulate(x, x + lane, 0);
        unsigned ballot = 0;
        int conjunction = -1, disjunction = 0, parity = 0;
        for (int k = 0; k < 32; k++) {
            ballot |= unsigned(x[k] > 0) << k;
            conjunction &= x[k], disjunction |= x[k], parity ^= x[k];
        }
        int sum = std::accumulate(x, x + 32, 0);
        const int expected[24] = {
            sum, *std::max_element(x, x + 32), *std::min_element(x, x + 32), prefix + x[lane],
            prefix, x[31 - lane], x[lane ^ 5], lane < 29 ? x[lane + 3] : x[lane],
            lane >= 3 ? x[lane - 3] : x[lane], x[7], x[0], int(ballot), 1, 1, conjunction,
            disjunction, parity, lane == 0, quad(0) + quad(1) + quad(2) + quad(3), x[lane ^ 1],
            quad(2), x[(lane + 1) & 31], lane < 30 ? x[lane + 2] : -x[lane - 30], 1};
        for (int k = 0; k < 24; k++)
            CHECK_NEAR(o[k], expected[k], 0,
                       "lane " + std::to_string(i) + " result " + std::to_string(k));
    }
}

TEST(semantics_simdgroup_matrices_multiply) {
    std::vector<float> a(128), c(128);
    std::vector<std::uint16_t> b(128);
    std::vector<float> values(128);
    for (int i = 0; i < 128; i++) {
        a[i] = float(i % 11) - 5;
        values[i] = float(i % 4 + 1); // halves 1, 2, 3, 4
        const std::uint16_t halves[4] = {0x3c00, 0x4000, 0x4200, 0x4400};
        b[i] = halves[i % 4];
    }
    launch("semantics.metal", "matrix_product", 1, 32).bind(0, a).bind(1, b).bind(2, c).run();
    for (int r = 0; r < 8; r++)
        for (int q = 0; q < 8; q++) {
            double sum = 0.5;
            for (int k = 0; k < 16; k++) sum += a[r * 16 + k] * values[q * 16 + k];
            CHECK_NEAR(c[r * 8 + q], sum, 0, "product");
            CHECK_NEAR(c[64 + q * 8 + r], sum, 0, "transposed store");
        }
}

TEST(semantics_atomics_count_across_threadgroups_and_workers) {
    std::vector<unsigned> counts(2);
    std::vector<float> total(1);
    std::vector<int> extremes(2);
    auto l = launch("semantics.metal", "atomics", 100, 64);
    l.dispatch.workers = 4;
    l.bind(0, counts).bind(1, total).bind(2, extremes).run();
    CHECK_EQUAL(counts[0], 6400u);
    CHECK_EQUAL(counts[1], ~0u);
    CHECK_EQUAL(total[0], 3200.0f);
    CHECK_EQUAL(extremes[0], -7);
    CHECK_EQUAL(extremes[1], 6399);
}

TEST(semantics_positions_in_a_ragged_grid) {
    constexpr unsigned w = 21, h = 10;
    std::vector<unsigned> out(8 * w * h);
    auto l = launch("semantics.metal", "positions", 1, 1);
    l.dispatch.exact = true;
    l.dispatch.grid = {w, h, 1};
    l.dispatch.threads = {8, 6, 1};
    auto counters = l.bind(0, out).run();
    CHECK_EQUAL(counters.threads, w * h);
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++) {
            const unsigned* o = &out[8 * (y * w + x)];
            unsigned lx = x % 8, ly = y % 6, sx = std::min(8u, w - x / 8 * 8),
                     sy = std::min(6u, h - y / 6 * 6), index = ly * sx + lx;
            const unsigned expected[8] = {x * 1000 + y, lx * 1000 + ly, x / 8 * 1000 + y / 6,
                                          sx * 1000 + sy, 3 * 1000 + 2, index,
                                          index % 32 + 100 * (index / 32), 8 * 1000 + 32};
            for (int k = 0; k < 8; k++) CHECK_EQUAL(o[k], expected[k]);
        }
}

TEST(semantics_threadgroup_memory_and_barriers) {
    std::vector<float> x(1024), tree(1024), rows(4);
    for (int i = 0; i < 1024; i++) x[i] = float(i % 17);
    auto l = launch("semantics.metal", "tree_sum", 4, 256);
    l.dispatch.threadgroup_bytes[0] = 1024;
    auto counters = l.bind(0, x).bind(1, tree).run();
    CHECK_EQUAL(counters.barriers, 4u * 10);
    CHECK_EQUAL(counters.threadgroup_bytes, 1028u);
    launch("semantics.metal", "row_sum", 4, 256).bind(0, x).bind(1, rows).run();
    for (int g = 0; g < 4; g++) {
        float sum = std::accumulate(&x[256 * g], &x[256 * g] + 256, 0.0f);
        CHECK_EQUAL(rows[g], sum);
        for (int t = 0; t < 256; t++) CHECK_EQUAL(tree[256 * g + t], sum);
    }
}

TEST(semantics_any_order_gives_the_same_result) {
    std::vector<float> x(1024), rows(4);
    for (int i = 0; i < 1024; i++) x[i] = float(i % 13);
    for (std::uint64_t seed = 1; seed <= 8; seed++) {
        auto l = launch("semantics.metal", "row_sum", 4, 256);
        l.dispatch.shuffle = seed;
        l.bind(0, x).bind(1, rows).run();
        for (int g = 0; g < 4; g++)
            CHECK_EQUAL(rows[g], std::accumulate(&x[256 * g], &x[256 * g] + 256, 0.0f));
    }
}

TEST(semantics_function_constants_specialise) {
    std::vector<int> out(32);
    auto l = launch("semantics.metal", "scaled", 1, 32);
    l.bind(0, out).run();
    CHECK_EQUAL(out[5], -1);
    l.constants = {softmetal::constant(3, 7)};
    l.run();
    CHECK_EQUAL(out[5], 35);
}

TEST(semantics_template_instances_have_host_names) {
    std::vector<float> f(64);
    std::vector<int> n(96);
    std::vector<float> value = {2.5f};
    std::vector<int> whole = {9};
    launch("semantics.metal", "fill_float_2", 1, 32).bind(0, f).bind(1, value).run();
    launch("semantics.metal", "fill_int_3", 1, 32).bind(0, n).bind(1, whole).run();
    CHECK_EQUAL(f[63], 2.5f);
    CHECK_EQUAL(n[95], 9);
}

TEST(semantics_members_qualified_by_address_space) {
    std::vector<float> in = {1, 2, 3, 4, 5, 6, 7, 8}, out(4);
    launch("semantics.metal", "pairs", 1, 4).bind(0, in).bind(1, out).run();
    for (int i = 0; i < 4; i++) CHECK_EQUAL(out[i], 3 * (in[2 * i] + in[2 * i + 1]));
}
