// The C interface: what it computes, what it refuses, and that nothing is left behind.
#include "shim_fixture.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace shim;

TEST(shim_runs_a_step_of_dependent_dispatches) {
    Fixture f;
    constexpr uint32_t n = 1000;
    Buffer x = f.buffer(n), y = f.buffer(n), z = f.buffer(4);
    Pipeline scale = f.pipeline("scale", 3), sum = f.pipeline("sum");
    float* values = f.contents(x);
    for (uint32_t i = 0; i < n; i++) values[i] = float(i % 7);
    Step step(f);
    step.add(scale, {{1, x}, {2, y}}, 4, 256);
    step.arguments(ScaleArgs{n, 0.5f});
    step.add(sum, {{1, y, 0, 1000}, {2, z}}, 1, 250, true).threadgroup_bytes = 1008;
    step.run();
    float expected = 0;
    for (uint32_t i = 0; i < 250; i++) expected += float(i % 7) * 3 + 0.5f;
    CHECK_EQUAL(f.contents(y)[999], float(999 % 7) * 3 + 0.5f);
    CHECK_EQUAL(f.contents(z)[0], expected);
    uint64_t reached = 0;
    SHIM_OK(mm_event_value(f.event, &reached));
    CHECK_EQUAL(reached, 1u);
}

TEST(shim_orders_submissions_by_events) {
    Fixture f;
    Buffer x = f.buffer(32);
    Pipeline increment = f.pipeline("increment");
    Queue other;
    Event start;
    SHIM_OK(mm_queue_create(f.device, other.out(), error));
    SHIM_OK(mm_event_create(f.device, start.out(), error));
    Step step(f);
    step.add(increment, {{1, x}}, 1, 32);
    mm_submission s = step.submission();
    s.wait_event = start;
    s.wait_value = 7;
    SHIM_OK(mm_submit(f.queue, &s, error));
    SHIM_FAILS(MM_TIMEOUT, "has not reached 1", mm_event_wait(f.event, 1, 0, error));
    CHECK_EQUAL(f.contents(x)[0], 0.0f);
    mm_submission signal{}; // nothing but a signal, from another queue
    signal.signal_event = start;
    signal.signal_value = 7;
    SHIM_OK(mm_submit(other, &signal, error));
    SHIM_OK(mm_event_wait(f.event, 1, 120000, error));
    CHECK_EQUAL(f.contents(x)[31], 1.0f);
}

TEST(shim_skips_an_empty_grid_but_not_its_barrier) {
    Fixture f;
    Buffer x = f.buffer(64);
    Pipeline increment = f.pipeline("increment");
    if (f.software()) f.checks(false, true);
    Step step(f);
    step.add(increment, {{1, x, 0, 256}}, 2, 32);
    step.add(increment, {{1, x, 0, 256}}, 0, 32, true);
    step.add(increment, {{1, x, 0, 256}}, 2, 32);
    step.run();
    CHECK_EQUAL(f.contents(x)[63], 2.0f);
}

TEST(shim_times_every_dispatch) {
    Fixture f;
    Buffer x = f.buffer(64);
    Pipeline increment = f.pipeline("increment");
    Step step(f);
    for (int i = 0; i < 3; i++) step.add(increment, {{1, x}}, i == 1 ? 0 : 2, 32);
    step.measured().run();
    CHECK(step.results[0].end_seconds >= step.results[0].start_seconds);
    CHECK(step.results[2].start_seconds >= step.results[0].end_seconds);
    CHECK_EQUAL(step.results[1].end_seconds, 0.0);
    CHECK_EQUAL(step.results[2].threads, f.software() ? 64u : 0u);
    CHECK_EQUAL(f.contents(x)[0], 2.0f);
}

TEST(shim_wraps_memory_without_a_copy) {
    Fixture f;
    mm_device_info info;
    SHIM_OK(mm_device_info_get(f.device, &info));
    const std::size_t page = info.page_bytes, bytes = 4 * page;
    void* map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    CHECK(map != MAP_FAILED);
    char* memory = static_cast<char*>(map);
    {
        Buffer first, second; // windows that overlap by two pages
        SHIM_OK(mm_buffer_wrap(f.device, memory, 3 * page, first.out(), error));
        SHIM_OK(mm_buffer_wrap(f.device, memory + page, 3 * page, second.out(), error));
        CHECK(f.contents(second) == static_cast<void*>(memory + page));
        CHECK_EQUAL(counts().allocated_bytes, 0);
        Pipeline increment = f.pipeline("increment");
        Step step(f);
        step.add(increment, {{1, first, 2 * page, 128}}, 1, 32);
        step.add(increment, {{1, second, page, 128}}, 1, 32, true);
        step.run();
        CHECK_EQUAL(reinterpret_cast<float*>(memory + 2 * page)[31], 2.0f);
        Buffer none;
        SHIM_FAILS(MM_INVALID_ARGUMENT, "memory: expected a multiple of",
                   mm_buffer_wrap(f.device, memory + 64, page, none.out(), error));
        SHIM_FAILS(MM_INVALID_ARGUMENT, "size_bytes: expected a multiple of",
                   mm_buffer_wrap(f.device, memory, page + 64, none.out(), error));
        SHIM_FAILS(MM_INVALID_ARGUMENT, "size_bytes: expected 1 to",
                   mm_buffer_wrap(f.device, memory, info.max_buffer_bytes + page, none.out(),
                                  error));
    }
    munmap(map, bytes);
}

// The device reads them once, so the test runs itself in a process of its own.
TEST(shim_limits_follow_the_environment) {
    const char* set = std::getenv("SOFTMETAL_MAX_BUFFER_BYTES");
    if (!set) {
        { Fixture f; f.need_software(); }
        CHECK_EQUAL(std::system("SOFTMETAL_MAX_BUFFER_BYTES=65536 SOFTMETAL_PAGE_BYTES=16384 "
                                "/proc/$PPID/exe shim_limits_follow > /dev/null"),
                    0);
        return;
    }
    Fixture f;
    mm_device_info info;
    SHIM_OK(mm_device_info_get(f.device, &info));
    CHECK_EQUAL(info.max_buffer_bytes, 65536u);
    CHECK_EQUAL(info.page_bytes, 16384u);
    Buffer fits = f.buffer(16384), none;
    SHIM_FAILS(MM_INVALID_ARGUMENT, "expected 1 to 65536, got 65537",
               mm_buffer_create(f.device, 65537, 0, none.out(), error));
    char* page = reinterpret_cast<char*>(f.contents(fits));
    SHIM_FAILS(MM_INVALID_ARGUMENT, "memory: expected a multiple of 16384",
               mm_buffer_wrap(f.device, page + 4096, 16384, none.out(), error));
    SHIM_OK(mm_buffer_wrap(f.device, page + 16384, 16384, none.out(), error));
}

TEST(shim_keeps_private_buffers_from_the_host) {
    Fixture f;
    Buffer x = f.buffer(64, MM_STORAGE_PRIVATE), y = f.buffer(64), z = f.buffer(64);
    void* memory = nullptr;
    uint64_t bytes = 0;
    CHECK_EQUAL(mm_buffer_contents(x, &memory, &bytes), MM_UNSUPPORTED);
    Pipeline scale = f.pipeline("scale", 2);
    f.contents(y)[63] = 21;
    Step step(f);
    step.add(scale, {{1, y}, {2, x}}, 2, 32);
    step.arguments(ScaleArgs{64, 0});
    step.add(scale, {{1, x}, {2, z}}, 2, 32, true);
    step.arguments(ScaleArgs{64, 1});
    step.run();
    CHECK_EQUAL(f.contents(z)[63], 85.0f);
}

TEST(shim_reports_compile_errors_with_place_and_name) {
    Fixture f;
    Library none;
    std::string source = "#include <metal_stdlib>\n#include \"common/kernel_args.h\"\n"
                         "kernel void f(device float* x [[buffer(1)]]) {\n    x[0] = y;\n}\n";
    SHIM_FAILS(MM_COMPILE_FAILED, "mine.metal:4",
               mm_library_create_source(f.device, "mine.metal", source.data(), source.size(),
                                        none.out(), error));
    SHIM_FAILS(MM_NOT_FOUND, "no_such.metal",
               mm_library_create_embedded(f.device, "no_such", none.out(), error));
    Pipeline pipeline;
    SHIM_FAILS(MM_NOT_FOUND, "no_such: not a kernel of shim.metal",
               mm_pipeline_create(f.library, "no_such", nullptr, 0, pipeline.out(), error));
    mm_constant wrong{0, MM_CONSTANT_BOOL, 1};
    if (f.software())
        SHIM_FAILS(MM_PIPELINE_FAILED, "function constant 0",
                   mm_pipeline_create(f.library, "scale", &wrong, 1, pipeline.out(), error));
    char tiny[8];
    mm_error cut{tiny, sizeof tiny, 0};
    CHECK_EQUAL(mm_pipeline_create(f.library, "x", nullptr, 0, pipeline.out(), &cut),
                MM_NOT_FOUND);
    CHECK_EQUAL(std::strlen(tiny), 7u);
    CHECK(cut.needed_bytes > sizeof tiny);
}

TEST(shim_lists_kernels_and_embedded_files) {
    Fixture f;
    uint64_t needed = 0;
    CHECK_EQUAL(mm_library_functions(f.library, nullptr, 0, &needed), MM_TOO_SMALL);
    std::string names(needed, ' ');
    SHIM_OK(mm_library_functions(f.library, names.data(), names.size(), &needed));
    CHECK(names == "increment\nscale\nspin\nsum\n");
    CHECK_EQUAL(mm_embedded_text("", nullptr, 0, &needed), MM_TOO_SMALL);
    std::string files(needed, ' ');
    SHIM_OK(mm_embedded_text("", files.data(), files.size(), &needed));
    CHECK_CONTAINS(files, "common/kernel_args.h\n");
    CHECK_EQUAL(mm_embedded_text("common/kernel_args.h", nullptr, 0, &needed), MM_TOO_SMALL);
    CHECK_EQUAL(mm_embedded_text("../README.md", nullptr, 0, &needed), MM_NOT_FOUND);
    const mm_layout* rows = nullptr;
    uint32_t count = 0;
    SHIM_OK(mm_layout_table(&rows, &count));
    CHECK(count > 10);
    for (uint32_t i = 0, end = 0; i < count; i++) {
        // Fields come in order and do not overlap; the size of the whole closes each struct.
        if (*rows[i].field) CHECK(rows[i].offset_bytes >= end);
        else CHECK(rows[i].size_bytes >= end);
        end = *rows[i].field ? rows[i].offset_bytes + rows[i].size_bytes : 0;
    }
}

TEST(shim_refuses_bad_arguments) {
    Fixture f;
    Buffer x = f.buffer(64), none;
    Pipeline increment = f.pipeline("increment");
    uint32_t version = 0;
    SHIM_OK(mm_abi_version(&version));
    CHECK_EQUAL(version, uint32_t(MM_ABI_VERSION));
    CHECK_EQUAL(mm_abi_version(nullptr), MM_INVALID_ARGUMENT);
    SHIM_FAILS(MM_INVALID_ARGUMENT, "not a device",
               mm_buffer_create(nullptr, 1, 0, none.out(), error));
    SHIM_FAILS(MM_INVALID_ARGUMENT, "not a device", // a handle of another kind
               mm_buffer_create(reinterpret_cast<mm_device*>(x.value), 1, 0, none.out(), error));
    SHIM_FAILS(MM_INVALID_ARGUMENT, "size_bytes",
               mm_buffer_create(f.device, 0, 0, none.out(), error));
    SHIM_FAILS(MM_INVALID_ARGUMENT, "storage is 9",
               mm_buffer_create(f.device, 64, 9, none.out(), error));
    SHIM_FAILS(MM_NO_DEVICE, "no device 99", mm_device_create(99, Device().out(), error));
    SHIM_FAILS(MM_INVALID_ARGUMENT, "path", mm_capture_start(f.device, "", error));
    if (f.software())
        SHIM_FAILS(MM_UNSUPPORTED, "capture", mm_capture_start(f.device, "x.gputrace", error));
    CHECK_EQUAL(mm_capture_stop(f.device), MM_INVALID_ARGUMENT);
    auto refuses = [&](const char* part, auto change) {
        Step step(f);
        mm_dispatch d = step.add(increment, {{1, x}}, 2, 32);
        mm_submission s = step.submission();
        mm_binding b = s.bindings[0];
        change(d, b, s);
        s.dispatches = &d;
        s.bindings = &b;
        SHIM_FAILS(MM_INVALID_ARGUMENT, part, mm_submit(f.queue, &s, error));
    };
    using D = mm_dispatch&;
    using B = mm_binding&;
    using S = mm_submission&;
    refuses("not a pipeline", [&](D d, B, S) { d.pipeline = nullptr; });
    refuses("bindings 1 + 1 of 1", [&](D d, B, S) { d.first_binding = 1; });
    refuses("arguments 8 + 0 of 0", [&](D d, B, S) { d.argument_offset = 8; });
    refuses("got 2048 x 1 x 1", [&](D d, B, S) { d.threads[0] = 2048; });
    refuses("got 0 x 1 x 1", [&](D d, B, S) { d.threads[0] = 0; });
    refuses("got 4294967295 x 4294967295 x 4294967295", [&](D d, B, S) {
        d.threads[0] = d.threads[1] = d.threads[2] = ~0u;
    });
    refuses("multiple of 16 up to 32768, got 40000", [&](D d, B, S) {
        d.threadgroup_bytes = 40000;
    });
    refuses("flags 2", [&](D d, B, S) { d.flags = 2; });
    refuses("not a buffer", [&](D, B b, S) { b.buffer = nullptr; });
    refuses("expected 1 to 30, got 31", [&](D, B b, S) { b.index = 31; });
    refuses("expected 1 to 30, got 0", [&](D, B b, S) { b.index = 0; });
    refuses("got 6", [&](D, B b, S) { b.offset_bytes = 6; });
    refuses("below 256, got 256", [&](D, B b, S) { b.offset_bytes = 256; });
    refuses("expected at most 128, got 129", [&](D, B b, S) {
        b.offset_bytes = 128;
        b.size_bytes = 129;
    });
    refuses("signal_value is 0", [&](D, B, S s) { s.signal_value = 0; });
    refuses("wait_event is not an event", [&](D, B, S s) {
        s.wait_event = reinterpret_cast<mm_event*>(x.value);
    });
    refuses("traffic needs results", [&](D, B, S s) {
        static mm_traffic unused;
        s.traffic = &unused;
    });
    SHIM_OK(mm_queue_set_residency(f.queue, nullptr, 0, error));
    mm_buffer* wrong[] = {x, nullptr};
    SHIM_FAILS(MM_INVALID_ARGUMENT, "buffers[1]",
               mm_queue_set_residency(f.queue, wrong, 2, error));
}
