// Scalar arithmetic of the Metal headers against double precision on the host.
#include "launch.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace harness;

namespace {

// Rounds to a binary format with `digits` significant bits, to nearest, ties to even.
double rounded(double x, int digits, int lowest_exponent, double largest) {
    if (x == 0 || !std::isfinite(x)) return x;
    int e = std::max(std::ilogb(x), lowest_exponent);
    double unit = std::ldexp(1.0, e - digits + 1);
    double r = std::nearbyint(x / unit) * unit;
    return std::fabs(r) > largest ? std::copysign(INFINITY, x) : r;
}
double to_half(double x) { return rounded(x, 11, -14, 65504.0); }
double to_bfloat(double x) { return rounded(x, 8, -126, std::ldexp(255.0, 120)); }

double half_value(std::uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY)
                       : e ? std::ldexp(1024 + m, e - 25) : std::ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}
double bfloat_value(std::uint16_t b) {
    std::uint32_t bits = std::uint32_t(b) << 16;
    float f;
    std::memcpy(&f, &bits, sizeof f);
    return f;
}
double ulp(double x) { return std::ldexp(1.0, std::max(std::ilogb(x), -126) - 23); }

} // namespace

TEST(math_half_and_bfloat_round_every_operation) {
    std::mt19937 random(11);
    std::uniform_real_distribution<float> exponent(-18, 17), mantissa(-2, 2);
    std::vector<float> a(4096), b(4096);
    for (std::size_t i = 0; i < a.size(); i++) {
        a[i] = std::ldexp(mantissa(random), int(exponent(random)));
        b[i] = std::ldexp(mantissa(random), int(exponent(random)));
    }
    std::vector<std::uint16_t> halves(4 * a.size()), brains(3 * a.size());
    launch("semantics.metal", "half_arithmetic", 64, 64)
        .bind(0, a).bind(1, b).bind(2, halves).bind(3, brains).run();
    for (std::size_t i = 0; i < a.size(); i++) {
        double x = to_half(a[i]), y = to_half(b[i]), product = to_half(x * y);
        CHECK_NEAR(half_value(halves[4 * i]), x, 0, "conversion to half");
        CHECK_NEAR(half_value(halves[4 * i + 1]), to_half(x + y), 0, "half sum");
        CHECK_NEAR(half_value(halves[4 * i + 2]), product, 0, "half product");
        // A contracted multiply-add rounds once; both are results that Metal allows.
        double got = half_value(halves[4 * i + 3]);
        if (got != to_half(x * y + x)) CHECK_NEAR(got, to_half(product + x), 0, "half x*y+x");
        double p = to_bfloat(a[i]), q = to_bfloat(b[i]);
        CHECK_NEAR(bfloat_value(brains[3 * i]), p, 0, "conversion to bfloat");
        CHECK_NEAR(bfloat_value(brains[3 * i + 1]), to_bfloat(float(p + q)), 0, "bfloat sum");
        CHECK_NEAR(bfloat_value(brains[3 * i + 2]), to_bfloat(p * q), 0, "bfloat product");
    }
}

TEST(math_unary_functions_match_double_precision) {
    struct Case {
        const char* name;
        double (*reference)(double);
        double low, high;
    };
    const Case cases[] = {
        {"exp", std::exp, -80, 80}, {"exp2", std::exp2, -120, 120}, {"log", std::log, 0, 1e9},
        {"log2", std::log2, 0, 1e9}, {"log10", std::log10, 0, 1e9}, {"sin", std::sin, -1e9, 1e9},
        {"cos", std::cos, -1e9, 1e9}, {"tan", std::tan, -1e9, 1e9}, {"asin", std::asin, -1, 1},
        {"acos", std::acos, -1, 1}, {"atan", std::atan, -1e9, 1e9}, {"sinh", std::sinh, -80, 80},
        {"cosh", std::cosh, -80, 80}, {"tanh", std::tanh, -1e9, 1e9},
        {"asinh", std::asinh, -1e9, 1e9}, {"acosh", std::acosh, 1, 1e9},
        {"atanh", std::atanh, -1, 1}, {"sqrt", std::sqrt, 0, 1e9},
        {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 0, 1e9},
        {"floor", std::floor, -1e9, 1e9}, {"ceil", std::ceil, -1e9, 1e9},
        {"trunc", std::trunc, -1e9, 1e9}, {"rint", std::nearbyint, -1e9, 1e9},
        {"round", std::round, -1e9, 1e9}, {"fabs", std::fabs, -1e9, 1e9},
        {"exp10", [](double x) { return std::pow(10, x); }, -37, 37},
        {"sinpi", [](double x) { return std::sin(M_PI * x); }, -3, 3},
        {"cospi", [](double x) { return std::cos(M_PI * x); }, -3, 3},
        {"precise::exp", std::exp, -80, 80}, {"fast::exp", std::exp, -80, 80},
        {"precise::tanh", std::tanh, -1e9, 1e9}, {"erf", std::erf, -1e9, 1e9},
    };
    std::mt19937 random(5);
    std::uniform_real_distribution<float> small(-1, 1), wide(-60, 60);
    std::vector<float> x(1024), out(std::size(cases) * 1024);
    for (std::size_t i = 0; i < x.size(); i++) x[i] = i % 2 ? small(random) : wide(random);
    launch("semantics.metal", "unary_math", 16, 64).bind(0, x).bind(1, out).run();
    std::size_t compared = 0;
    for (std::size_t c = 0; c < std::size(cases); c++)
        for (std::size_t i = 0; i < x.size(); i++) {
            if (!(x[i] > cases[c].low && x[i] < cases[c].high)) continue;
            double expected = cases[c].reference(x[i]);
            // Metal allows 4 ulp for most of them; sinpi near its zeros is an absolute error.
            CHECK_NEAR(out[c * x.size() + i], expected, 4 * ulp(expected) + 1e-14,
                       std::string(cases[c].name) + "(" + std::to_string(x[i]) + ")");
            compared++;
        }
    CHECK(compared > 20000);
}

TEST(math_integer_functions_match_wide_arithmetic) {
    std::mt19937 random(3);
    std::vector<int> a(512), b(512), out(16 * 512);
    for (std::size_t i = 0; i < a.size(); i++) {
        a[i] = int(random()) >> (i % 30);
        b[i] = int(random()) >> (i % 23);
    }
    a[0] = 0, b[0] = 0, a[1] = INT32_MIN, b[1] = INT32_MIN, a[2] = INT32_MAX, b[2] = 1;
    launch("semantics.metal", "integers", 8, 64).bind(0, a).bind(1, b).bind(2, out).run();
    for (std::size_t i = 0; i < a.size(); i++) {
        const int* o = &out[16 * i];
        std::int64_t x = a[i], y = b[i];
        std::uint32_t u = std::uint32_t(a[i]), w = std::uint32_t(b[i]);
        std::uint32_t reversed = 0;
        int ones = 0, leading = 32, trailing = 32;
        for (int k = 0; k < 32; k++) {
            reversed |= (u >> k & 1) << (31 - k);
            ones += u >> k & 1;
            if (u >> k & 1) leading = 31 - k;
            if (u >> (31 - k) & 1) trailing = 31 - k;
        }
        CHECK_EQUAL(o[0], ones);
        CHECK_EQUAL(o[1], leading);
        CHECK_EQUAL(o[2], trailing);
        CHECK_EQUAL(std::uint32_t(o[3]), reversed);
        CHECK_EQUAL(o[4], int((x * y) >> 32));
        CHECK_EQUAL(std::uint32_t(o[5]), std::uint32_t((std::uint64_t(u) * w) >> 32));
        CHECK_EQUAL(o[6], int(std::min<std::int64_t>(std::max<std::int64_t>(x + y, INT32_MIN),
                                                     INT32_MAX)));
        CHECK_EQUAL(std::uint32_t(o[7]), u > w ? u - w : 0u);
        CHECK_EQUAL(o[8], int((x + y) >> 1));
        CHECK_EQUAL(std::uint32_t(o[9]), std::uint32_t((std::uint64_t(u) + w + 1) >> 1));
        unsigned r = w & 31;
        CHECK_EQUAL(std::uint32_t(o[10]), r ? (u << r | u >> (32 - r)) : u);
        CHECK_EQUAL(std::uint32_t(o[11]), std::uint32_t(x > y ? x - y : y - x));
        int field = int(u >> 3 & 127);
        CHECK_EQUAL(o[12], field >= 64 ? field - 128 : field);
        CHECK_EQUAL(std::uint32_t(o[13]), (u & ~(511u << 4)) | (w & 511u) << 4);
        int clamped = int(std::min<std::int64_t>(std::max<std::int64_t>(x, -5), 9));
        CHECK_EQUAL(o[14], clamped + int(std::min(x, y)) / 2 + int(std::max(x, y)) / 3);
        CHECK_EQUAL(o[15], std::int8_t(x) + std::uint8_t(y) + std::int16_t(x) + std::uint16_t(y));
    }
}
