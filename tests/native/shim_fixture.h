// The C interface as the tests use it: handles that release themselves, and calls whose failure
// fails the test with the text of the error.
#pragma once

#include "harness.h"

#include <metalmoe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

namespace shim {

struct Text { // of an error
    char text[8192] = "";
    mm_error error{text, sizeof text, 0};
    operator mm_error*() { return &error; }
};

#define SHIM_OK(call) \
    do { \
        [[maybe_unused]] shim::Text error; \
        mm_status status_ = (call); \
        if (status_ != MM_OK) \
            harness::fail(__FILE__, __LINE__, \
                          std::string(#call) + ": status " + std::to_string(status_) + ": " + \
                              error.text); \
    } while (0)

// The call must end in `expected` with `part` in its text.
#define SHIM_FAILS(expected, part, call) \
    do { \
        shim::Text error; \
        mm_status status_ = (call); \
        CHECK_EQUAL(status_, expected); \
        CHECK_CONTAINS(error.text, part); \
    } while (0)

template <class T, void (*release)(T*)> struct Handle {
    T* value = nullptr;
    Handle() = default;
    Handle(Handle&& other) noexcept : value(other.value) { other.value = nullptr; }
    Handle& operator=(Handle&&) = delete;
    ~Handle() { release(value); }
    void reset() {
        release(value);
        value = nullptr;
    }
    T** out() { return &value; }
    operator T*() const { return value; }
};
using Device = Handle<mm_device, mm_device_release>;
using Buffer = Handle<mm_buffer, mm_buffer_release>;
using Library = Handle<mm_library, mm_library_release>;
using Pipeline = Handle<mm_pipeline, mm_pipeline_release>;
using Queue = Handle<mm_queue, mm_queue_release>;
using Event = Handle<mm_event, mm_event_release>;

// A device with a queue, an event and the library of kernels/shim.metal. The checks of the
// software Metal and what is left of injected faults are off again when it goes.
class Fixture {
  public:
    Fixture();
    ~Fixture();
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    Buffer buffer(std::size_t floats, uint32_t storage = MM_STORAGE_SHARED);
    float* contents(mm_buffer* buffer);
    Pipeline pipeline(const char* function, int32_t factor = 1);
    bool software() const { return software_; }
    void checks(bool memory, bool hazards, uint64_t shuffle = 0);
    void need_software() const; // skips the test on any other Metal

    Device device;
    Queue queue;
    Event event;
    Library library;
    uint64_t value = 0; // last one to be signalled

  private:
    bool software_ = false;
};

struct ScaleArgs {
    uint32_t count;
    float addend;
};

// Collects dispatches and submits them.
class Step {
  public:
    explicit Step(Fixture& fixture) : fixture_(fixture) {}

    struct Bound {
        uint32_t index;
        mm_buffer* buffer;
        uint64_t offset_bytes = 0, size_bytes = 0;
    };
    mm_dispatch& add(mm_pipeline* pipeline, std::initializer_list<Bound> bindings,
                     uint32_t threadgroups, uint32_t threads, bool barrier = false);
    template <class Args> Step& arguments(const Args& args) { // of the dispatch added last
        auto at = bytes_.size();
        bytes_.resize((at + sizeof args + 7) / 8 * 8);
        __builtin_memcpy(&bytes_[at], &args, sizeof args);
        dispatches_.back().argument_offset = uint32_t(at);
        dispatches_.back().argument_bytes = sizeof args;
        return *this;
    }
    Step& measured(bool traffic = false);
    mm_submission submission(); // signals the fixture's event
    void submit();
    mm_status wait(mm_error* error);
    void run(); // submits and waits

    std::vector<mm_dispatch_result> results;
    std::vector<mm_traffic> traffic;

  private:
    Fixture& fixture_;
    std::vector<mm_dispatch> dispatches_;
    std::vector<mm_binding> bindings_;
    std::vector<unsigned char> bytes_;
};

mm_object_counts counts();

// Whether all counts come back to those of `before`, or below: completion handlers may run a
// little later than the event they belong to.
bool settles(const mm_object_counts& before);

} // namespace shim
