// The checks of the software Metal through the C interface: each finds its planted mistake.
#include "shim_fixture.h"

using namespace shim;

TEST(shim_checks_find_a_missing_barrier_between_dispatches) {
    Fixture f;
    f.need_software();
    f.checks(false, true);
    Buffer x = f.buffer(64), y = f.buffer(64);
    Pipeline scale = f.pipeline("scale", 2), increment = f.pipeline("increment");
    auto step = [&](bool barrier) {
        Step step(f);
        step.add(scale, {{1, x, 0, 256}, {2, y, 0, 256}}, 2, 32);
        step.arguments(ScaleArgs{64, 1});
        step.add(increment, {{1, y, 128, 128}}, 1, 32, barrier);
        return step;
    };
    Step good = step(true);
    good.run();
    CHECK_EQUAL(f.contents(y)[32], 2.0f);
    Step bad = step(false);
    bad.submit();
    SHIM_FAILS(MM_EXECUTION_FAILED,
               "[kernel increment] missing barrier: dispatch 1 writes buffer(1), whose bytes "
               "0 to 128 dispatch 0 (kernel scale) writes as its buffer(2)",
               bad.wait(error));
}

TEST(shim_checks_allow_dispatches_that_share_only_what_they_read) {
    Fixture f;
    f.need_software();
    f.checks(false, true);
    Buffer x = f.buffer(64), y = f.buffer(64);
    Pipeline scale = f.pipeline("scale", 2);
    Step step(f);
    for (uint64_t half : {0, 128}) {
        step.add(scale, {{1, x, 0, 256}, {2, y, half, 128}}, 1, 32);
        step.arguments(ScaleArgs{32, 1});
    }
    step.run();
    CHECK_EQUAL(f.contents(y)[63], 1.0f);
}

TEST(shim_checks_shuffle_dispatches_that_have_no_order) {
    Fixture f;
    f.need_software();
    Buffer x = f.buffer(32);
    Pipeline scale = f.pipeline("scale", 2);
    bool changed = false;
    for (uint64_t seed = 1; seed <= 16 && !changed; seed++) {
        f.checks(false, false, seed);
        f.contents(x)[0] = 1;
        Step step(f); // 2 (1) + 1 and 2 (that) + 5, whose order matters
        for (float addend : {1.0f, 5.0f}) {
            step.add(scale, {{1, x}, {2, x}}, 1, 32);
            step.arguments(ScaleArgs{1, addend});
        }
        step.run();
        float got = f.contents(x)[0];
        CHECK(got == 11.0f || got == 15.0f);
        changed = got == 15.0f;
    }
    CHECK(changed);
}

TEST(shim_checks_hold_a_kernel_to_the_size_of_its_binding) {
    Fixture f;
    f.need_software();
    f.checks(true, false);
    Buffer x = f.buffer(64);
    Pipeline increment = f.pipeline("increment");
    Step good(f), bad(f);
    good.add(increment, {{1, x, 64, 128}}, 1, 32);
    good.run();
    bad.add(increment, {{1, x, 64, 124}}, 1, 32);
    bad.submit();
    SHIM_FAILS(MM_EXECUTION_FAILED, "[kernel increment] out-of-bounds read of 4 bytes: buffer(1), "
                                    "index 31",
               bad.wait(error));
}

TEST(shim_checks_stop_reads_of_memory_never_written) {
    Fixture f;
    f.need_software();
    f.checks(true, false);
    Buffer x = f.buffer(64), y = f.buffer(64);
    Pipeline scale = f.pipeline("scale", 2);
    SHIM_OK(mm_buffer_set_written(x, 0, 256, 0));
    CHECK(f.contents(x)[0] != f.contents(x)[0]); // NaN
    for (int i = 0; i < 32; i++) f.contents(x)[i] = 1;
    SHIM_OK(mm_buffer_set_written(x, 0, 128, 1));
    auto step = [&](uint32_t count) {
        Step step(f);
        step.add(scale, {{1, x}, {2, y}}, 2, 32);
        step.arguments(ScaleArgs{count, 1});
        return step;
    };
    Step good = step(32);
    good.run();
    CHECK_EQUAL(f.contents(y)[31], 3.0f);
    Step bad = step(33);
    bad.submit();
    SHIM_FAILS(MM_EXECUTION_FAILED, "read of never-written memory: byte 128 of buffer(1)",
               bad.wait(error));
    CHECK_EQUAL(mm_buffer_set_written(x, 128, 129, 1), MM_INVALID_ARGUMENT);
}

TEST(shim_checks_count_traffic_per_binding) {
    Fixture f;
    f.need_software();
    f.checks(true, false);
    Buffer x = f.buffer(64), y = f.buffer(64);
    Pipeline scale = f.pipeline("scale", 2);
    Step step(f);
    step.add(scale, {{2, y}, {1, x}}, 2, 32);
    step.arguments(ScaleArgs{48, 1});
    step.measured(true).run();
    CHECK_EQUAL(step.traffic[0].bytes_read, 0u);
    CHECK_EQUAL(step.traffic[0].unique_bytes_written, 192u);
    CHECK_EQUAL(step.traffic[1].bytes_read, 192u);
    CHECK_EQUAL(step.traffic[1].bytes_written, 0u);
    CHECK_EQUAL(step.results[0].threads, 64u);
}
