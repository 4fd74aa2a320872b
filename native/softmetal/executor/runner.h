// Runs the threads of one threadgroup as fibers on the calling processor thread. A lane runs
// until it waits in a SIMD operation or a barrier; only then does the next one need a stack of
// its own, so a kernel that never waits is a plain loop on one stack.
#pragma once

#include "../include/softmetal/softmetal.h"
#include "../msl/softmetal/abi.h"
#include "fiber.h"

#include <string>
#include <vector>

namespace softmetal {

class Checker;

// What is the same for all threadgroups of a dispatch.
struct Job {
    const Function* function = nullptr;
    softmetal_entry_point entry = nullptr;
    softmetal_arguments arguments{}; // without the threadgroup's own position and memory
    std::array<std::size_t, max_bindings> threadgroup_bytes{};
    bool allow_divergence = false;
    std::uint64_t shuffle = 0;
    Checker* checker = nullptr;
};

class Runner {
  public:
    Runner();
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    void begin(const Job& job);
    // False when the kernel did something it may not; error() then says what.
    bool run(Size position, Size size);
    const std::string& error() const { return error_; }
    const Counters& counters() const { return counters_; }

    const softmetal_arguments& arguments() const { return arguments_; }
    bool owns(const void* address) const; // memory through which kernel and executor talk
    std::string describe(const softmetal_lane* lane) const;

    // Records the error and abandons the threadgroup. Call it on a lane's stack only.
    [[noreturn]] void fail(const std::string& text);

    static const softmetal_runtime& runtime();

  private:
    struct Variable {
        const void* key;
        void* memory;
    };

    void lay_out_threadgroup_memory();
    void* allocate(std::size_t bytes, std::size_t alignment, const std::string& name);
    void start_lanes(Size position, Size size);
    void run_group(softmetal_group& group);
    bool release_barrier();

    unsigned next_lane(const softmetal_group& group, unsigned after) const;
    void enter(void** save, softmetal_lane& lane);
    void park(softmetal_lane& lane);
    bool resolve(softmetal_group& group);
    void complete(softmetal_group& group, unsigned mask);
    void report_divergence(const softmetal_group& group, unsigned same);
    void note(const std::string& text);

    static void fiber_main();
    static void simd_wait(softmetal_lane* lane, const softmetal_site* site);
    static void barrier(softmetal_lane* lane, unsigned fence, const softmetal_site* site);
    static void inactive_lane(softmetal_lane* lane, unsigned from, const softmetal_site* site);
    static void* threadgroup_variable(softmetal_lane* lane, const void* key, unsigned long bytes,
                                      unsigned long alignment);
    static void access(softmetal_lane* lane, const void* address, unsigned long bytes,
                       unsigned kind, const void* code);

    const Job* job_ = nullptr;
    softmetal_arguments arguments_{};
    StackPool stacks_;
    std::vector<softmetal_group> groups_;
    std::vector<unsigned> group_order_;
    unsigned group_count_ = 0, threads_ = 0;
    unsigned rotation_ = 31; // the lane after which a search for the next one starts
    bool backwards_ = false;
    std::uint64_t random_ = 0;

    char* arena_;
    std::size_t used_ = 0;     // bytes of the arena in use, gaps included
    std::size_t asked_for_ = 0; // bytes that count against Metal's limit
    std::vector<Variable> variables_;

    void* scheduler_ = nullptr; // its stack pointer while a lane runs
    softmetal_lane* current_ = nullptr;
    bool failed_ = false;
    std::string error_;
    Counters counters_;
};

} // namespace softmetal
