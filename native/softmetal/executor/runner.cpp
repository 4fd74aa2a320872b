#include "runner.h"

#include "checker.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <sys/mman.h>

namespace softmetal {

namespace {

constexpr std::size_t arena_bytes = 1u << 20;
// In check mode variables lie apart, so that running over the end of one is noticed.
constexpr std::size_t variable_gap = 512;

thread_local Runner* runner = nullptr;

std::uint64_t next_random(std::uint64_t& state) { // splitmix64
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool same_site(const softmetal_site& a, const softmetal_site& b) {
    return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::string at(const softmetal_site& site) {
    return std::string(site.file) + ":" + std::to_string(site.line);
}

std::string hex(unsigned mask) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", mask);
    return text;
}

std::string triple(const unsigned v[3]) {
    return "(" + std::to_string(v[0]) + "," + std::to_string(v[1]) + "," + std::to_string(v[2]) +
           ")";
}

} // namespace

Runner::Runner() {
    void* memory = mmap(nullptr, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    arena_ = static_cast<char*>(memory);
}

Runner::~Runner() { munmap(arena_, arena_bytes); }

void Runner::begin(const Job& job) {
    job_ = &job;
    arguments_ = job.arguments;
    counters_ = {};
    failed_ = false;
    error_.clear();
    random_ = job.shuffle;
    rotation_ = 31;
    backwards_ = false;
    if (job.checker) job.checker->set_arena(arena_, arena_bytes);
}

const softmetal_runtime& Runner::runtime() {
    static const softmetal_runtime table = {SOFTMETAL_ABI, simd_wait,            barrier,
                                            inactive_lane, threadgroup_variable, access};
    return table;
}

std::string Runner::describe(const softmetal_lane* lane) const {
    return "thread " + triple(lane->in_threadgroup) + " of threadgroup " +
           triple(arguments_.threadgroup_position);
}

bool Runner::owns(const void* address) const {
    auto inside = [address](const void* from, std::size_t bytes) {
        return static_cast<std::size_t>(static_cast<const char*>(address) -
                                        static_cast<const char*>(from)) < bytes;
    };
    return inside(groups_.data(), groups_.size() * sizeof(softmetal_group)) ||
           inside(&arguments_, sizeof arguments_) || inside(&runtime(), sizeof runtime());
}

void Runner::note(const std::string& text) {
    if (failed_) return;
    failed_ = true;
    error_ = "[kernel " + job_->function->name + "] " + text;
}

void Runner::fail(const std::string& text) {
    note(text);
    void* abandoned;
    softmetal_switch(&abandoned, scheduler_);
    std::abort();
}

// ---- threadgroup memory ----

void* Runner::allocate(std::size_t bytes, std::size_t alignment, const std::string& name) {
    asked_for_ = (asked_for_ + alignment - 1) / alignment * alignment + bytes;
    if (job_->checker && used_) used_ += variable_gap;
    used_ = (used_ + alignment - 1) / alignment * alignment;
    if (asked_for_ > max_threadgroup_bytes || used_ + bytes > arena_bytes) return nullptr;
    char* memory = arena_ + used_;
    used_ += bytes;
    // NaN in every float type, so that a value never written does not pass for zero.
    std::memset(memory, 0xff, bytes);
    if (job_->checker) job_->checker->add_variable(memory, bytes, name);
    counters_.threadgroup_bytes = std::max(counters_.threadgroup_bytes, asked_for_);
    return memory;
}

void Runner::lay_out_threadgroup_memory() {
    used_ = asked_for_ = 0;
    variables_.clear();
    for (unsigned i = 0; i < max_bindings; i++)
        if (job_->threadgroup_bytes[i])
            arguments_.threadgroup[i] = allocate(job_->threadgroup_bytes[i], 16,
                                                 "threadgroup(" + std::to_string(i) + ")");
}

void* Runner::threadgroup_variable(softmetal_lane* lane, const void* key, unsigned long bytes,
                                   unsigned long alignment) {
    (void)lane;
    Runner& r = *runner;
    for (const Variable& v : r.variables_)
        if (v.key == key) return v.memory;
    void* memory = r.allocate(bytes, alignment, "threadgroup variable");
    if (!memory)
        r.fail("threadgroup memory: expected at most " + std::to_string(max_threadgroup_bytes) +
               " bytes, got " + std::to_string(r.asked_for_));
    r.variables_.push_back({key, memory});
    return memory;
}

// ---- the life of a threadgroup ----

void Runner::start_lanes(Size position, Size size) {
    const unsigned p[3] = {position.x, position.y, position.z};
    const unsigned n[3] = {size.x, size.y, size.z};
    const unsigned* full = arguments_.dispatch_threads_per_threadgroup;
    for (int k = 0; k < 3; k++) {
        arguments_.threadgroup_position[k] = p[k];
        arguments_.threads_per_threadgroup[k] = n[k];
    }
    threads_ = size.x * size.y * size.z;
    group_count_ = (threads_ + simd_width - 1) / simd_width;
    arguments_.simdgroups = group_count_;
    if (groups_.size() < group_count_) groups_.resize(group_count_);
    unsigned x = 0, y = 0, z = 0;
    for (unsigned g = 0, t = 0; g < group_count_; g++) {
        softmetal_group& group = groups_[g];
        unsigned lanes = std::min(simd_width, threads_ - t);
        group.index = g;
        group.live = lanes == simd_width ? ~0u : (1u << lanes) - 1;
        group.arrived = group.at_barrier = group.generation = 0;
        group.ready[0] = group.ready[1] = 0;
        for (unsigned i = 0; i < lanes; i++, t++) {
            softmetal_lane& lane = group.lanes[i];
            lane.group = &group;
            lane.index = i;
            lane.thread = t;
            lane.stack = nullptr;
            const unsigned q[3] = {x, y, z};
            for (int k = 0; k < 3; k++) {
                lane.in_threadgroup[k] = q[k];
                lane.in_grid[k] = p[k] * full[k] + q[k];
            }
            if (++x == n[0]) {
                x = 0;
                if (++y == n[1]) y = 0, z++;
            }
        }
    }
}

bool Runner::run(Size position, Size size) {
    runner = this;
    start_lanes(position, size);
    group_order_.resize(group_count_);
    std::iota(group_order_.begin(), group_order_.end(), 0u);
    if (job_->checker) job_->checker->begin_threadgroup();
    if (job_->shuffle) {
        rotation_ = unsigned(next_random(random_) & 31);
        backwards_ = next_random(random_) & 1;
        for (unsigned i = group_count_; i > 1; i--)
            std::swap(group_order_[i - 1], group_order_[next_random(random_) % i]);
    }
    lay_out_threadgroup_memory();
    counters_.threads += threads_;
    for (;;) {
        unsigned live = 0;
        for (unsigned g : group_order_) {
            run_group(groups_[g]);
            if (failed_) {
                stacks_.give_all_back();
                return false;
            }
            live |= groups_[g].live;
        }
        if (!live) return true;
        if (!release_barrier()) {
            stacks_.give_all_back();
            return false;
        }
    }
}

// Runs the group until all its lanes have returned or wait in the threadgroup barrier.
void Runner::run_group(softmetal_group& group) {
    while (!failed_) {
        unsigned lane = next_lane(group, rotation_);
        if (lane < simd_width)
            enter(&scheduler_, group.lanes[lane]);
        else if (!resolve(group))
            return;
    }
}

// Called when no lane of the threadgroup can go on.
bool Runner::release_barrier() {
    const softmetal_lane* first = nullptr;
    unsigned waiting = 0, fence = 0;
    for (unsigned g = 0; g < group_count_; g++) {
        for (unsigned mask = groups_[g].at_barrier; mask; mask &= mask - 1) {
            const softmetal_lane& lane = groups_[g].lanes[__builtin_ctz(mask)];
            if (!first) first = &lane;
            waiting++;
            fence |= lane.fence;
            if (!same_site(lane.site, first->site) && !job_->allow_divergence) {
                note("divergent barrier: " + describe(first) + " waits at " + at(first->site) +
                     ", " + describe(&lane) + " at " + at(lane.site));
                return false;
            }
        }
    }
    if (waiting != threads_ && !job_->allow_divergence) {
        note("divergent barrier: threadgroup_barrier at " + at(first->site) + " reached by " +
             std::to_string(waiting) + " of " + std::to_string(threads_) +
             " threads of threadgroup " + triple(arguments_.threadgroup_position));
        return false;
    }
    counters_.barriers++;
    if (job_->checker) job_->checker->barrier(fence);
    for (unsigned g = 0; g < group_count_; g++) groups_[g].at_barrier = 0;
    return true;
}

// ---- lanes ----

// The next runnable lane after `after`, cyclically; simd_width when there is none.
unsigned Runner::next_lane(const softmetal_group& group, unsigned after) const {
    unsigned ready = group.live & ~group.arrived & ~group.at_barrier;
    if (!ready) return simd_width;
    if (backwards_) {
        unsigned below = after ? ready & (~0u >> (32 - after)) : 0;
        return 31 - unsigned(__builtin_clz(below ? below : ready));
    }
    unsigned above = after == 31 ? 0 : ready & (~0u << (after + 1));
    return unsigned(__builtin_ctz(above ? above : ready));
}

void Runner::enter(void** save, softmetal_lane& lane) {
    if (!lane.stack) {
        lane.stack = stacks_.take();
        lane.stack_pointer = StackPool::prepare(lane.stack, fiber_main);
        StackPool::set_lane(lane.stack, &lane);
    }
    current_ = &lane;
    softmetal_switch(save, lane.stack_pointer);
}

// The body of every fiber: runs the current lane, then other lanes that have not started yet.
void Runner::fiber_main() {
    Runner& r = *runner;
    void* abandoned;
    for (;;) {
        softmetal_lane& lane = *r.current_;
        r.job_->entry(&r.arguments_, &lane);
        softmetal_group& group = *lane.group;
        group.live &= ~(1u << lane.index);
        if (group.arrived && group.arrived == group.live) r.resolve(group);
        unsigned next = r.failed_ ? simd_width : r.next_lane(group, lane.index);
        if (next < simd_width && !group.lanes[next].stack) {
            softmetal_lane& other = group.lanes[next];
            other.stack = lane.stack;
            lane.stack = nullptr;
            StackPool::set_lane(other.stack, &other);
            r.current_ = &other;
            continue;
        }
        r.stacks_.give(lane.stack); // still in use, but by nobody else before the switch
        lane.stack = nullptr;
        if (next < simd_width) {
            r.current_ = &group.lanes[next];
            softmetal_switch(&abandoned, group.lanes[next].stack_pointer);
        } else {
            softmetal_switch(&abandoned, r.scheduler_);
        }
        std::abort();
    }
}

// Leaves a lane that waits, and comes back when it may go on.
void Runner::park(softmetal_lane& lane) {
    softmetal_group& group = *lane.group;
    unsigned next = next_lane(group, lane.index);
    if (next == lane.index) return;
    if (next < simd_width)
        enter(&lane.stack_pointer, group.lanes[next]);
    else
        softmetal_switch(&lane.stack_pointer, scheduler_);
    current_ = &lane;
}

void Runner::complete(softmetal_group& group, unsigned mask) {
    group.mask[group.generation & 1] = mask;
    group.arrived &= ~mask;
    group.generation++;
    group.ready[group.generation & 1] = 0;
    counters_.simd_operations++;
}

// Completes the SIMD operation that a group waits in, by the lanes that have arrived. That some
// lanes wait elsewhere is an error unless the dispatch allows it.
bool Runner::resolve(softmetal_group& group) {
    if (!group.arrived) return false;
    const softmetal_site& site = group.lanes[__builtin_ctz(group.arrived)].site;
    unsigned same = 0;
    for (unsigned mask = group.arrived; mask; mask &= mask - 1) {
        unsigned lane = unsigned(__builtin_ctz(mask));
        if (same_site(group.lanes[lane].site, site)) same |= 1u << lane;
    }
    if (same != group.live && !job_->allow_divergence) {
        report_divergence(group, same);
        return false;
    }
    complete(group, same);
    return true;
}

void Runner::report_divergence(const softmetal_group& group, unsigned same) {
    unsigned others = group.live & ~same;
    const softmetal_lane& here = group.lanes[__builtin_ctz(same)];
    const softmetal_lane& there = group.lanes[__builtin_ctz(others)];
    note("divergent SIMD operation: SIMD-group " + std::to_string(group.index) +
         " of threadgroup " + triple(arguments_.threadgroup_position) + ": lanes " + hex(same) +
         " wait at " + at(here.site) + ", lanes " + hex(others) + " at " + at(there.site));
}

// ---- services of the executor, called by kernels ----

void Runner::simd_wait(softmetal_lane* lane, const softmetal_site* site) {
    Runner& r = *runner;
    softmetal_group& group = *lane->group;
    lane->site = *site;
    group.arrived |= 1u << lane->index;
    if (group.arrived == group.live) r.resolve(group);
    if (r.failed_) r.fail({});
    r.park(*lane);
}

void Runner::barrier(softmetal_lane* lane, unsigned fence, const softmetal_site* site) {
    Runner& r = *runner;
    lane->site = *site;
    lane->fence = fence;
    lane->group->at_barrier |= 1u << lane->index;
    r.park(*lane);
}

void Runner::inactive_lane(softmetal_lane* lane, unsigned from, const softmetal_site* site) {
    Runner& r = *runner;
    if (r.job_->checker && !r.job_->allow_divergence)
        r.fail("read of an inactive lane: " + r.describe(lane) + " asks for lane " +
               std::to_string(from) + " at " + at(*site));
}

void Runner::access(softmetal_lane* lane, const void* address, unsigned long bytes, unsigned kind,
                    const void* code) {
    Runner& r = *runner;
    if (!r.job_->checker) return;
    if (StackPool::contains(lane->stack, address) || r.owns(address)) return;
    r.job_->checker->access(r, *lane, address, bytes, kind, code);
}

} // namespace softmetal
