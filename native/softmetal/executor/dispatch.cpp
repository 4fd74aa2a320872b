// Pipeline::dispatch: validates a dispatch as Metal would, then runs its threadgroups.
#include "checker.h"
#include "runner.h"
#include "worker_pool.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>

namespace softmetal {

namespace {

[[noreturn]] void refuse(const Function& function, const std::string& text) {
    throw Error(Error::Kind::dispatch, "[kernel " + function.name + "] " + text);
}

void validate(const Function& function, const Dispatch& d) {
    std::uint64_t threads = std::uint64_t(d.threads.x) * d.threads.y * d.threads.z;
    if (threads == 0 || threads > max_threads_per_threadgroup)
        refuse(function, "threads per threadgroup: expected 1 to " +
                             std::to_string(max_threads_per_threadgroup) + ", got " +
                             std::to_string(threads));
    std::size_t memory = 0;
    for (unsigned i = 0; i < max_bindings; i++) {
        if (d.threadgroup_bytes[i] % 16)
            refuse(function, "threadgroup(" + std::to_string(i) +
                                 "): expected a length that is a multiple of 16, got " +
                                 std::to_string(d.threadgroup_bytes[i]));
        memory += d.threadgroup_bytes[i];
    }
    if (memory > max_threadgroup_bytes)
        refuse(function, "threadgroup memory: expected at most " +
                             std::to_string(max_threadgroup_bytes) + " bytes, got " +
                             std::to_string(memory));
    for (const Parameter& p : function.parameters) {
        if (p.optional || p.kind == Parameter::Kind::builtin) continue;
        std::string index = std::to_string(p.index);
        if (p.kind == Parameter::Kind::buffer && !d.buffers[p.index].data)
            refuse(function, "buffer(" + index + ") " + p.name + ": not set");
        if (p.kind == Parameter::Kind::threadgroup && !d.threadgroup_bytes[p.index])
            refuse(function, "threadgroup(" + index + ") " + p.name + ": length not set");
    }
}

struct Grid {
    Size groups, threads, exact_threads;
    bool exact;
    std::uint64_t count() const { return std::uint64_t(groups.x) * groups.y * groups.z; }
    Size position(std::uint64_t i) const {
        return {unsigned(i % groups.x), unsigned(i / groups.x % groups.y),
                unsigned(i / groups.x / groups.y)};
    }
    Size size_at(Size p) const {
        if (!exact) return threads;
        auto clip = [](unsigned at, unsigned full, unsigned all) {
            return std::min(full, all - at * full);
        };
        return {clip(p.x, threads.x, exact_threads.x), clip(p.y, threads.y, exact_threads.y),
                clip(p.z, threads.z, exact_threads.z)};
    }
};

Grid make_grid(const Dispatch& d) {
    Grid g{d.threadgroups, d.threads, d.grid, d.exact};
    if (d.exact) {
        auto groups = [](unsigned all, unsigned per) { return (all + per - 1) / per; };
        g.groups = {groups(d.grid.x, d.threads.x), groups(d.grid.y, d.threads.y),
                    groups(d.grid.z, d.threads.z)};
    } else {
        g.exact_threads = {d.threadgroups.x * d.threads.x, d.threadgroups.y * d.threads.y,
                           d.threadgroups.z * d.threads.z};
    }
    return g;
}

softmetal_arguments make_arguments(const Dispatch& d, const Grid& g, const Checker* checker) {
    softmetal_arguments a{};
    for (unsigned i = 0; i < max_bindings; i++)
        a.buffer[i] = checker && checker->address(i) ? checker->address(i) : d.buffers[i].data;
    auto set = [](unsigned (&to)[3], Size s) { to[0] = s.x, to[1] = s.y, to[2] = s.z; };
    set(a.dispatch_threads_per_threadgroup, g.threads);
    set(a.threadgroups_per_grid, g.groups);
    set(a.threads_per_grid, g.exact_threads);
    unsigned threads = g.threads.x * g.threads.y * g.threads.z;
    a.dispatch_simdgroups = (threads + simd_width - 1) / simd_width;
    return a;
}

// A stride that visits each of `count` threadgroups once, in an order that depends on the seed.
std::uint64_t shuffled_stride(std::uint64_t seed, std::uint64_t count) {
    std::uint64_t stride = (seed * 0x9e3779b97f4a7c15u >> 8) % count | 1;
    while (std::gcd(stride, count) != 1) stride += 2;
    return stride;
}

} // namespace

void Counters::add(const Counters& other) {
    threads += other.threads;
    barriers += other.barriers;
    simd_operations += other.simd_operations;
    threadgroup_bytes = std::max(threadgroup_bytes, other.threadgroup_bytes);
    for (unsigned i = 0; i < max_bindings; i++) {
        traffic[i].bytes_read += other.traffic[i].bytes_read;
        traffic[i].bytes_written += other.traffic[i].bytes_written;
        traffic[i].unique_bytes_read += other.traffic[i].unique_bytes_read;
        traffic[i].unique_bytes_written += other.traffic[i].unique_bytes_written;
    }
}

Counters Pipeline::dispatch(const Dispatch& d) const {
    validate(function_, d);
    Grid grid = make_grid(d);
    std::uint64_t count = grid.count();
    if (count == 0) return {};
    std::optional<Checker> checker;
    if (checks_) checker.emplace(d, function_, entry_, image_);
    Job job{&function_, reinterpret_cast<softmetal_entry_point>(entry_),
            make_arguments(d, grid, checker ? &*checker : nullptr), d.threadgroup_bytes,
            d.allow_divergence, d.shuffle, checker ? &*checker : nullptr};

    std::uint64_t stride = d.shuffle ? shuffled_stride(d.shuffle, count) : 1;
    unsigned processors = std::max(1u, std::thread::hardware_concurrency());
    unsigned workers = d.workers ? d.workers : std::min(processors, 16u);
    if (checks_) workers = 1; // shadow memory is not shared between threads
    workers = unsigned(std::min<std::uint64_t>(workers, count));
    std::uint64_t chunk = std::max<std::uint64_t>(1, count / (workers * 8));

    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    Counters total;
    std::string error;
    WorkerPool::shared().run(workers, [&](Runner& runner, unsigned) {
        runner.begin(job);
        while (!failed) {
            std::uint64_t from = next.fetch_add(chunk), to = std::min(from + chunk, count);
            if (from >= count) break;
            for (std::uint64_t i = from; i < to && !failed; i++) {
                Size p = grid.position(i * stride % count);
                if (!runner.run(p, grid.size_at(p))) failed = true;
            }
        }
        std::lock_guard lock(mutex);
        total.add(runner.counters());
        if (error.empty()) error = runner.error();
    });
    if (checker) {
        checker->copy_back();
        total.traffic = checker->traffic();
    }
    if (failed) throw Error(Error::Kind::check, error);
    return total;
}

} // namespace softmetal
