#include "shim_fixture.h"

#include <fstream>
#include <sstream>

namespace shim {

namespace {
std::string read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}
} // namespace

Fixture::Fixture() {
    SHIM_OK(mm_device_create(0, device.out(), error));
    mm_device_info info;
    SHIM_OK(mm_device_info_get(device, &info));
    software_ = info.flags & MM_DEVICE_SOFTWARE;
    SHIM_OK(mm_queue_create(device, queue.out(), error));
    SHIM_OK(mm_event_create(device, event.out(), error));
    static const std::string source = read(harness::data("kernels/shim.metal"));
    SHIM_OK(mm_library_create_source(device, "shim.metal", source.data(), source.size(),
                                     library.out(), error));
}

Fixture::~Fixture() {
    mm_checks none{};
    mm_device_set_checks(device, &none);
    for (uint32_t fault = MM_FAULT_ALLOCATION; fault <= MM_FAULT_EXECUTION; fault++)
        mm_device_inject(device, fault, 0, 0);
}

Buffer Fixture::buffer(std::size_t floats, uint32_t storage) {
    Buffer b;
    SHIM_OK(mm_buffer_create(device, floats * sizeof(float), storage, b.out(), error));
    return b;
}

float* Fixture::contents(mm_buffer* buffer) {
    void* memory = nullptr;
    uint64_t bytes = 0;
    SHIM_OK(mm_buffer_contents(buffer, &memory, &bytes));
    return static_cast<float*>(memory);
}

Pipeline Fixture::pipeline(const char* function, int32_t factor) {
    Pipeline p;
    mm_constant constant{0, MM_CONSTANT_INT, uint32_t(factor)};
    SHIM_OK(mm_pipeline_create(library, function, &constant, 1, p.out(), error));
    return p;
}

void Fixture::checks(bool memory, bool hazards, uint64_t shuffle) {
    mm_checks checks{memory, hazards, shuffle};
    SHIM_OK(mm_device_set_checks(device, &checks));
}

void Fixture::need_software() const {
    if (!software_) throw harness::Skip{"only the software Metal has checks and faults"};
}

mm_dispatch& Step::add(mm_pipeline* pipeline, std::initializer_list<Bound> bindings,
                       uint32_t threadgroups, uint32_t threads, bool barrier) {
    mm_dispatch d{};
    d.pipeline = pipeline;
    d.first_binding = uint32_t(bindings_.size());
    d.binding_count = uint32_t(bindings.size());
    d.threadgroups[0] = threadgroups;
    d.threads[0] = threads;
    d.threadgroups[1] = d.threadgroups[2] = d.threads[1] = d.threads[2] = 1;
    d.flags = barrier ? MM_BARRIER_BEFORE : 0;
    for (const Bound& b : bindings)
        bindings_.push_back({b.buffer, b.offset_bytes, b.size_bytes, b.index, 0});
    dispatches_.push_back(d);
    return dispatches_.back();
}

Step& Step::measured(bool with_traffic) {
    results.resize(dispatches_.size());
    if (with_traffic) traffic.resize(bindings_.size());
    return *this;
}

mm_submission Step::submission() {
    mm_submission s{};
    s.dispatches = dispatches_.data();
    s.bindings = bindings_.data();
    s.arguments = bytes_.data();
    s.dispatch_count = uint32_t(dispatches_.size());
    s.binding_count = uint32_t(bindings_.size());
    s.argument_bytes = uint32_t(bytes_.size());
    s.signal_event = fixture_.event;
    s.signal_value = fixture_.value + 1;
    s.results = results.empty() ? nullptr : results.data();
    s.traffic = traffic.empty() ? nullptr : traffic.data();
    return s;
}

void Step::submit() {
    mm_submission s = submission();
    SHIM_OK(mm_submit(fixture_.queue, &s, error));
    fixture_.value++;
}

mm_status Step::wait(mm_error* error) {
    return mm_event_wait(fixture_.event, fixture_.value, 120000, error);
}

void Step::run() {
    submit();
    SHIM_OK(wait(error));
}

mm_object_counts counts() {
    mm_object_counts c{};
    SHIM_OK(mm_object_counts_get(&c));
    return c;
}

bool settles(const mm_object_counts& before) {
    for (int i = 0; i < 3000; i++) {
        mm_object_counts now = counts();
        // Fewer than before: what an earlier test had in flight has gone meanwhile.
        if (now.devices <= before.devices && now.buffers <= before.buffers &&
            now.libraries <= before.libraries && now.pipelines <= before.pipelines &&
            now.queues <= before.queues && now.events <= before.events &&
            now.submissions <= before.submissions && now.metal_objects <= before.metal_objects &&
            now.allocated_bytes <= before.allocated_bytes)
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

} // namespace shim
