// Every check must catch the kernel that is broken in its way, and pass the one put right.
#include "launch.h"

using namespace harness;

namespace {

Launch broken(const std::string& function, unsigned threadgroups, unsigned threads,
              std::vector<float>& y) {
    Launch l = launch("broken.metal", function, threadgroups, threads);
    l.check = true;
    l.bind(0, y);
    return l;
}

} // namespace

TEST(checks_an_index_past_the_end_is_named) {
    std::vector<float> both(128); // x and y side by side: the write would land in a bound buffer
    Launch l = launch("broken.metal", "off_by_one", 1, 64);
    l.check = true;
    l.dispatch.buffers[0] = {both.data() + 64, 256, nullptr};
    l.dispatch.buffers[1] = {both.data(), 256, nullptr};
    std::string e = l.error();
    CHECK_CONTAINS(e, "[kernel off_by_one] out-of-bounds write of 4 bytes: buffer(1), index 64");
    CHECK_CONTAINS(e, "thread (63,0,0) of threadgroup (0,0,0) at broken.metal:8");
    CHECK_EQUAL(both[64], 0.0f);
}

TEST(checks_an_index_before_the_start_is_named) {
    std::vector<float> x(64), y(64);
    Launch l = broken("reads_before", 1, 64, x);
    CHECK_CONTAINS(l.bind(1, y).error(), "read of 4 bytes: buffer(0), index -1");
}

TEST(checks_the_end_of_a_threadgroup_array) {
    std::vector<float> y(32);
    CHECK_CONTAINS(broken("past_threadgroup_array", 1, 32, y).error(),
                   "out-of-bounds write of 4 bytes: threadgroup variable, index 32");
}

TEST(checks_a_missing_barrier) {
    std::vector<float> y(64);
    CHECK_CONTAINS(broken("missing_barrier", 1, 64, y).error(), "threadgroup");
    broken("with_barrier", 1, 64, y).run();
    CHECK_EQUAL(y[0], 63.0f);
}

TEST(checks_a_barrier_that_fences_other_memory) {
    std::vector<float> y(64);
    std::string e = broken("wrong_fence", 1, 64, y).error();
    CHECK_CONTAINS(e, "race: reads byte");
    CHECK_CONTAINS(e, "no barrier between");
}

TEST(checks_reliance_on_lockstep) {
    std::vector<float> y(32);
    CHECK_CONTAINS(broken("lockstep", 1, 32, y).error(), "race: ");
    broken("no_lockstep", 1, 32, y).run();
    CHECK_EQUAL(y[31], 0.0f);
}

TEST(checks_divergent_barriers) {
    std::vector<float> y(64);
    Launch l = broken("divergent_barrier", 1, 64, y);
    l.check = false; // found without instrumentation
    CHECK_CONTAINS(l.error(), "reached by 40 of 64 threads");
    l.function = "early_return";
    CHECK_CONTAINS(l.error(), "reached by 60 of 64 threads");
    l.function = "two_barriers";
    CHECK_CONTAINS(l.error(), "divergent barrier: thread (0,0,0)");
}

TEST(checks_divergent_simd_operations) {
    std::vector<float> y(32);
    Launch l = broken("divergent_simd", 1, 32, y);
    l.check = false;
    std::string e = l.error();
    CHECK_CONTAINS(e, "divergent SIMD operation");
    CHECK_CONTAINS(e, "lanes 0x55555555 wait at");
    l.function = "simd_against_barrier";
    CHECK_CONTAINS(l.error(), "lanes 0x0000ffff");
    l.dispatch.allow_divergence = true; // what a GPU does: the active lanes take part
    l.run();
    CHECK_EQUAL(y[3], 16.0f);
}

TEST(checks_races_in_device_memory) {
    std::vector<float> y(64);
    CHECK_CONTAINS(broken("device_race", 1, 64, y).error(), "race: writes byte 0 of buffer(0)");
    CHECK_CONTAINS(broken("race_between_threadgroups", 2, 64, y).error(),
                   "of an earlier threadgroup");
    CHECK_CONTAINS(broken("plain_and_atomic", 1, 64, y).error(), "an atomic operation");
}

TEST(checks_threadgroup_memory_never_written) {
    std::vector<float> y(64);
    std::string e = broken("never_written", 1, 64, y).error();
    CHECK_CONTAINS(e, "never-written threadgroup memory: byte 36");
    CHECK_CONTAINS(e, "thread (9,0,0)");
}

TEST(checks_output_read_before_it_is_written) {
    std::vector<float> y(64);
    std::vector<std::uint8_t> written(256);
    Launch l = launch("broken.metal", "accumulates", 1, 64);
    l.check = true;
    CHECK_CONTAINS(l.bind(0, y, written.data()).error(), "read of never-written memory: byte 0");
}

TEST(checks_output_left_unwritten) {
    std::vector<float> y(64);
    std::vector<std::uint8_t> written(256);
    Launch l = launch("broken.metal", "skips_one", 1, 64);
    l.check = true;
    l.bind(0, y, written.data()).run();
    for (int i = 0; i < 256; i++) CHECK_EQUAL(int(written[i]), int(i / 4 != 17));
}

TEST(checks_lanes_that_have_returned) {
    std::vector<float> y(32);
    CHECK_CONTAINS(broken("inactive_source", 1, 32, y).error(), "asks for lane 25");
}

TEST(checks_limits_and_bindings) {
    std::vector<float> y(64);
    Launch l = broken("too_much_memory", 1, 32, y);
    l.check = false;
    CHECK_CONTAINS(l.error(), "expected at most 32768 bytes, got 32800");
    l.dispatch.threads = {1025, 1, 1};
    CHECK_CONTAINS(l.error(), "expected 1 to 1024, got 1025");
    l.dispatch.threads = {32, 1, 1};
    l.dispatch.buffers[0] = {};
    CHECK_CONTAINS(l.error(), "buffer(0) y: not set");
    l.dispatch.threadgroup_bytes[0] = 24;
    CHECK_CONTAINS(l.error(), "multiple of 16");
}

TEST(checks_correct_kernels_pass_and_are_counted) {
    std::vector<float> x(512), out(512), rows(2);
    for (int i = 0; i < 512; i++) x[i] = float(i);
    auto l = launch("semantics.metal", "tree_sum", 2, 256);
    l.check = true;
    l.dispatch.threadgroup_bytes[0] = 1024;
    auto tree = l.bind(0, x).bind(1, out).run();
    CHECK_EQUAL(tree.traffic[0].unique_bytes_read, 2048u);
    CHECK_EQUAL(tree.traffic[1].bytes_written, 2048u);
    CHECK_EQUAL(tree.traffic[1].bytes_read, 0u);
    auto r = launch("semantics.metal", "row_sum", 2, 256);
    r.check = true;
    for (std::uint64_t seed = 0; seed < 4; seed++) {
        r.dispatch.shuffle = seed;
        auto counters = r.bind(0, x).bind(1, rows).run();
        CHECK_EQUAL(counters.traffic[0].bytes_read, 2048u);
        CHECK_EQUAL(counters.simd_operations, 2u * 9);
    }
    CHECK_EQUAL(rows[1], 255 * 128.0f + 256 * 256);
}
