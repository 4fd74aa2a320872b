// Shadow memory for one dispatch. For every byte of every bound buffer and of threadgroup memory
// it remembers the last write and the reads since, each with the epoch (barriers so far) and the
// generation (SIMD operations so far of that SIMD-group). Two accesses by different threads are
// in order when a barrier that fences their memory lies between, or, within a SIMD-group, a
// simdgroup_barrier or other SIMD operation. Anything else is a race, whatever order the
// executor happened to choose.
#pragma once

#include "../include/softmetal/softmetal.h"
#include "../msl/softmetal/abi.h"

#include <string>
#include <vector>

namespace softmetal {

class Runner;

class Checker {
  public:
    Checker(const Dispatch& dispatch, const Function& function, void* entry, std::string image);
    ~Checker();
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // Where the kernel finds a buffer: a copy far from all others, so that an index past the end
    // cannot fall into a neighbour.
    void* address(unsigned binding) const { return moved_[binding]; }
    void copy_back(); // also after an error: what was written stays visible

    void set_arena(char* memory, std::size_t bytes);
    void begin_threadgroup();
    void add_variable(char* memory, std::size_t bytes, std::string name);
    void barrier(unsigned fence);
    void access(Runner& runner, const softmetal_lane& lane, const void* address,
                std::size_t bytes, unsigned kind, const void* code);
    const std::array<Traffic, max_bindings>& traffic() const { return traffic_; }

  private:
    struct Cell {
        std::uint32_t written, read; // epochs, 0: not yet in this dispatch
        std::uint32_t write_generation, read_generation;
        std::uint16_t writer, reader; // thread + 1, or one of the marks in the .cpp
    };
    struct Region {
        char* memory = nullptr;
        std::size_t bytes = 0;
        Cell* cells = nullptr;
        std::uint8_t* written = nullptr;
        std::string name;
        unsigned binding = max_bindings; // this value: threadgroup memory
    };
    struct Area { // one or more bindings that overlap
        char* original = nullptr;
        char* copy = nullptr; // null: too large to copy, used in place
        std::size_t bytes = 0;
        void* mapping = nullptr;
        std::size_t mapped_bytes = 0;
        Cell* cells = nullptr;
        bool constant = true;
    };
    struct Access {
        Runner& runner;
        const softmetal_lane& lane;
        const char* address;
        std::size_t bytes;
        unsigned kind;
        const void* code;
    };

    void find_areas(const Dispatch& dispatch, const Function& function);
    void isolate(Area& area);
    Region* find(const char* address, std::size_t bytes);
    bool in_image(const void* address) const;
    void check_read(const Access& a, Region& region, std::size_t offset);
    void check_write(const Access& a, Region& region, std::size_t offset);
    bool in_order(const Access& a, const Region& region, std::uint32_t epoch,
                  std::uint32_t generation, std::uint16_t thread) const;
    void count(Region& region, std::size_t offset, std::size_t bytes, unsigned kind);
    [[noreturn]] void out_of_bounds(const Access& a);
    [[noreturn]] void race(const Access& a, const Region& region, std::size_t offset,
                           const char* other, std::uint32_t epoch, std::uint16_t thread);
    [[noreturn]] void fail(const Access& a, const std::string& what);
    std::string place(const void* code) const;

    std::vector<Area> areas_;
    std::vector<Region> buffers_;
    std::vector<Region> variables_;
    std::array<void*, max_bindings> moved_{};
    std::array<Traffic, max_bindings> traffic_{};
    std::size_t last_ = 0; // index into buffers_: most accesses hit the region of the one before
    char* arena_ = nullptr;
    std::size_t arena_bytes_ = 0;
    Cell* arena_cells_ = nullptr;
    std::uint32_t epoch_ = 1;           // counts barriers and threadgroups
    std::uint32_t threadgroup_began_ = 1;
    std::uint32_t fenced_[2] = {1, 1};  // epoch of the last barrier for device, threadgroup
    const char* image_begin_ = nullptr;
    const char* image_end_ = nullptr;
    std::string image_;
};

} // namespace softmetal
