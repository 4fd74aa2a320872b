// Everything made and released a thousand times, from several threads, in flight, and with
// faults injected: no crash, and nothing left.
#include "shim_fixture.h"

#include <atomic>

using namespace shim;

namespace {

// One of everything, used once.
void live_once(Fixture& f) {
    Device device;
    Queue queue;
    Event event;
    SHIM_OK(mm_device_create(0, device.out(), error));
    SHIM_OK(mm_queue_create(device, queue.out(), error));
    SHIM_OK(mm_event_create(device, event.out(), error));
    Buffer shared = f.buffer(32), hidden = f.buffer(32, MM_STORAGE_PRIVATE);
    Pipeline increment = f.pipeline("increment");
    mm_buffer* resident[] = {shared, hidden};
    Text ignored;
    mm_queue_set_residency(queue, resident, 2, ignored); // absent before macOS 15
    Step step(f);
    step.add(increment, {{1, shared}}, 1, 32);
    mm_submission s = step.submission();
    s.signal_event = event;
    s.signal_value = 1;
    SHIM_OK(mm_submit(queue, &s, error));
    SHIM_OK(mm_event_wait(event, 1, 120000, error));
    CHECK_EQUAL(f.contents(shared)[0], 1.0f);
}

} // namespace

TEST(shim_leaves_nothing_after_a_thousand_lives) {
    CHECK(settles({})); // what earlier tests had in flight
    mm_object_counts before = counts();
    {
        Fixture f;
        for (int i = 0; i < 1000; i++) live_once(f);
        for (int i = 0; i < 20; i++) Fixture another; // libraries are compiled anew each time
    }
    CHECK(settles(before));
    CHECK(counts().allocations >= before.allocations + 2000);
}

TEST(shim_takes_submissions_from_several_threads) {
    mm_object_counts before = counts();
    constexpr int threads = 4, rounds = 50;
    {
        Fixture f;
        Pipeline increment = f.pipeline("increment");
        std::atomic<int> wrong{0};
        auto work = [&](bool own_queue) {
            Queue queue;
            Event event;
            Text error;
            if (mm_queue_create(f.device, queue.out(), error) != MM_OK ||
                mm_event_create(f.device, event.out(), error) != MM_OK) {
                wrong++;
                return;
            }
            Buffer x = f.buffer(32);
            for (uint64_t i = 1; i <= rounds; i++) {
                Step step(f);
                step.add(increment, {{1, x}}, 1, 32);
                mm_submission s = step.submission();
                s.signal_event = event;
                s.signal_value = i;
                if (mm_submit(own_queue ? queue : f.queue, &s, error) != MM_OK) wrong++;
            }
            if (mm_event_wait(event, rounds, 120000, error) != MM_OK) wrong++;
            if (f.contents(x)[31] != float(rounds)) wrong++;
        };
        std::vector<std::thread> running;
        for (int i = 0; i < threads; i++) running.emplace_back(work, i % 2 == 0);
        for (std::thread& t : running) t.join();
        CHECK_EQUAL(wrong.load(), 0);
    }
    CHECK(settles(before));
}

TEST(shim_lets_go_of_everything_in_flight) {
    mm_object_counts before = counts();
    for (int i = 0; i < 20; i++) {
        Fixture f;
        Event start;
        SHIM_OK(mm_event_create(f.device, start.out(), error));
        {
            Buffer x = f.buffer(32);
            Pipeline spin = f.pipeline("spin"), increment = f.pipeline("increment");
            Step step(f);
            step.add(spin, {{1, x}}, 1, 32);
            step.add(increment, {{1, x}}, 1, 32, true);
            mm_submission s = step.submission();
            std::vector<mm_dispatch_result> results(2);
            if (i % 2) s.results = results.data();
            s.wait_event = start;
            s.wait_value = 1;
            SHIM_OK(mm_submit(f.queue, &s, error));
            // Buffer, pipelines: released while the work has not even begun.
            x.reset();
            spin.reset();
            increment.reset();
            mm_submission go{};
            go.signal_event = start;
            go.signal_value = 1;
            Queue other;
            SHIM_OK(mm_queue_create(f.device, other.out(), error));
            SHIM_OK(mm_submit(other, &go, error));
            if (i % 2) SHIM_OK(mm_event_wait(f.event, 1, 120000, error)); // results are ours
        }
        // Queue, event, library and device go while it runs.
    }
    CHECK(settles(before));
}

TEST(shim_reports_injected_faults) {
    mm_object_counts before = counts();
    {
        Fixture f;
        f.need_software();
        Buffer x = f.buffer(32), none;
        SHIM_OK(mm_device_inject(f.device, MM_FAULT_ALLOCATION, 1, 1));
        { Buffer succeeds = f.buffer(32); }
        SHIM_FAILS(MM_OUT_OF_MEMORY, "refused a buffer of 128 bytes",
                   mm_buffer_create(f.device, 128, 0, none.out(), error));
        { Buffer succeeds = f.buffer(32); }

        SHIM_OK(mm_device_inject(f.device, MM_FAULT_COMPILE, 0, 1));
        Library library;
        std::string source = "kernel void f() {}";
        SHIM_FAILS(MM_COMPILE_FAILED, "injected fault",
                   mm_library_create_source(f.device, "a", source.data(), source.size(),
                                            library.out(), error));
        SHIM_OK(mm_device_inject(f.device, MM_FAULT_PIPELINE, 0, 1));
        Pipeline pipeline;
        SHIM_FAILS(MM_PIPELINE_FAILED, "injected fault",
                   mm_pipeline_create(f.library, "increment", nullptr, 0, pipeline.out(), error));
        CHECK_EQUAL(mm_device_inject(f.device, 9, 0, 1), MM_INVALID_ARGUMENT);
    }
    CHECK(settles(before));
}

TEST(shim_reports_work_that_failed) {
    mm_object_counts before = counts();
    for (bool timed : {false, true}) {
        Fixture f;
        f.need_software();
        Buffer x = f.buffer(32);
        Pipeline increment = f.pipeline("increment");
        auto submit = [&] {
            Step step(f);
            step.add(increment, {{1, x}}, 1, 32);
            step.add(increment, {{1, x}}, 1, 32, true);
            if (timed) step.measured();
            step.submit();
            Text error;
            mm_status status = step.wait(error);
            return std::pair(status, std::string(error.text));
        };
        CHECK_EQUAL(submit().first, MM_OK);
        SHIM_OK(mm_device_inject(f.device, MM_FAULT_EXECUTION, 1, 1));
        auto [status, text] = submit();
        CHECK_EQUAL(status, MM_EXECUTION_FAILED);
        CHECK_CONTAINS(text, "injected fault");
        // Later values tell of it too; earlier ones stay good.
        CHECK_EQUAL(submit().first, MM_EXECUTION_FAILED);
        SHIM_OK(mm_event_wait(f.event, 1, 0, error));
    }
    CHECK(settles(before));
}
