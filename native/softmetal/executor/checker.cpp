#include "checker.h"

#include "../compiler/process.h"
#include "runner.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <new>
#include <sys/mman.h>

namespace softmetal {

namespace {

// Marks in Cell::reader and Cell::writer beside thread numbers 1..1024.
constexpr std::uint16_t many_in_group = 0x4000; // plus the SIMD-group's index
constexpr std::uint16_t by_atomics = 0xfffe;
constexpr std::uint16_t many = 0xffff;

constexpr std::size_t guard_bytes = 64u << 20;
constexpr std::size_t largest_copy = 512u << 20;

void* reserve(std::size_t bytes, int protection) {
    void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    return p;
}

unsigned group_of(std::uint16_t thread) {
    return thread >= many_in_group ? thread - many_in_group : (thread - 1u) / simd_width;
}

bool is_thread(std::uint16_t thread) { return thread >= 1 && thread <= 1024; }

// The loaded segments of the shared object that holds `address`.
struct Image {
    std::uintptr_t inside, begin, end;
};
int find_image(dl_phdr_info* info, std::size_t, void* data) {
    auto* image = static_cast<Image*>(data);
    std::uintptr_t begin = ~std::uintptr_t(0), end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        std::uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        begin = std::min(begin, from);
        end = std::max<std::uintptr_t>(end, from + info->dlpi_phdr[i].p_memsz);
    }
    if (image->inside < begin || image->inside >= end) return 0;
    image->begin = begin;
    image->end = end;
    return 1;
}

} // namespace

Checker::Checker(const Dispatch& dispatch, const Function& function, void* entry,
                 std::string image)
    : image_(std::move(image)) {
    Image range{reinterpret_cast<std::uintptr_t>(entry), 0, 0};
    dl_iterate_phdr(find_image, &range);
    image_begin_ = reinterpret_cast<const char*>(range.begin);
    image_end_ = reinterpret_cast<const char*>(range.end);
    find_areas(dispatch, function);
}

Checker::~Checker() {
    for (Area& area : areas_) {
        if (area.mapping) munmap(area.mapping, area.mapped_bytes);
        munmap(area.cells, area.bytes * sizeof(Cell));
    }
    if (arena_cells_) munmap(arena_cells_, arena_bytes_ * sizeof(Cell));
}

void Checker::find_areas(const Dispatch& dispatch, const Function& function) {
    std::vector<unsigned> bound;
    for (unsigned i = 0; i < max_bindings; i++)
        if (dispatch.buffers[i].data && dispatch.buffers[i].bytes) bound.push_back(i);
    auto start = [&](unsigned i) { return static_cast<char*>(dispatch.buffers[i].data); };
    std::sort(bound.begin(), bound.end(), [&](unsigned a, unsigned b) {
        return start(a) < start(b);
    });
    std::vector<std::size_t> area_of(max_bindings);
    for (unsigned i : bound) {
        char* end = start(i) + dispatch.buffers[i].bytes;
        if (areas_.empty() || start(i) >= areas_.back().original + areas_.back().bytes)
            areas_.push_back({.original = start(i)});
        Area& area = areas_.back();
        area.bytes = std::max<std::size_t>(area.bytes, std::size_t(end - area.original));
        area_of[i] = areas_.size() - 1;
        for (const Parameter& p : function.parameters)
            if (p.kind == Parameter::Kind::buffer && p.index == i && !p.constant)
                area.constant = false;
    }
    for (Area& area : areas_) isolate(area);
    for (unsigned i : bound) {
        Area& area = areas_[area_of[i]];
        std::size_t offset = std::size_t(start(i) - area.original);
        char* memory = (area.copy ? area.copy : area.original) + offset;
        moved_[i] = memory;
        buffers_.push_back({memory, dispatch.buffers[i].bytes, area.cells + offset,
                            dispatch.buffers[i].written, "buffer(" + std::to_string(i) + ")", i});
    }
}

void Checker::isolate(Area& area) {
    area.cells = static_cast<Cell*>(reserve(area.bytes * sizeof(Cell), PROT_READ | PROT_WRITE));
    if (area.bytes > largest_copy) return;
    constexpr std::size_t page = 16384; // Metal's page size, a multiple of the machine's
    std::size_t skew = reinterpret_cast<std::uintptr_t>(area.original) % page;
    std::size_t middle = (area.bytes + skew + page - 1) / page * page;
    area.mapped_bytes = 2 * guard_bytes + middle + page;
    area.mapping = reserve(area.mapped_bytes, PROT_NONE);
    auto first = (reinterpret_cast<std::uintptr_t>(area.mapping) + guard_bytes + page - 1) / page *
                 page;
    char* pages = reinterpret_cast<char*>(first);
    if (mprotect(pages, middle, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    area.copy = pages + skew;
    std::memcpy(area.copy, area.original, area.bytes);
}

void Checker::copy_back() {
    // What was not written stays untouched: it may be a file that is mapped for reading only.
    for (const Area& area : areas_)
        if (area.copy && !area.constant && std::memcmp(area.original, area.copy, area.bytes) != 0)
            std::memcpy(area.original, area.copy, area.bytes);
}

void Checker::set_arena(char* memory, std::size_t bytes) {
    arena_ = memory;
    arena_bytes_ = bytes;
    arena_cells_ = static_cast<Cell*>(reserve(bytes * sizeof(Cell), PROT_READ | PROT_WRITE));
}

void Checker::begin_threadgroup() {
    variables_.clear();
    threadgroup_began_ = ++epoch_;
    fenced_[0] = fenced_[1] = epoch_;
}

void Checker::add_variable(char* memory, std::size_t bytes, std::string name) {
    Region region;
    region.memory = memory;
    region.bytes = bytes;
    region.cells = arena_cells_ + (memory - arena_);
    region.name = std::move(name);
    variables_.push_back(std::move(region));
}

void Checker::barrier(unsigned fence) {
    epoch_++;
    for (unsigned space = 0; space < 2; space++)
        if (fence >> space & 1) fenced_[space] = epoch_;
}

Checker::Region* Checker::find(const char* address, std::size_t bytes) {
    auto holds = [=](const Region& r) {
        std::size_t offset = std::size_t(address - r.memory);
        return offset < r.bytes && r.bytes - offset >= bytes;
    };
    if (std::size_t(address - arena_) < arena_bytes_) {
        for (Region& r : variables_)
            if (holds(r)) return &r;
        return nullptr;
    }
    if (last_ < buffers_.size() && holds(buffers_[last_])) return &buffers_[last_];
    for (last_ = 0; last_ < buffers_.size(); last_++)
        if (holds(buffers_[last_])) return &buffers_[last_];
    return nullptr;
}

bool Checker::in_image(const void* address) const {
    return address >= image_begin_ && address < image_end_;
}

void Checker::access(Runner& runner, const softmetal_lane& lane, const void* address,
                     std::size_t bytes, unsigned kind, const void* code) {
    Access a{runner, lane, static_cast<const char*>(address), bytes, kind, code};
    Region* region = find(a.address, bytes);
    if (!region) {
        if (in_image(address)) return; // a table of constants
        out_of_bounds(a);
    }
    std::size_t offset = std::size_t(a.address - region->memory);
    count(*region, offset, bytes, kind);
    for (std::size_t i = offset; i < offset + bytes; i++) {
        if (kind & softmetal_read) check_read(a, *region, i);
        if (kind & softmetal_write) check_write(a, *region, i);
    }
}

void Checker::count(Region& region, std::size_t offset, std::size_t bytes, unsigned kind) {
    if (region.binding == max_bindings) return;
    Traffic& t = traffic_[region.binding];
    if (kind & softmetal_read) t.bytes_read += bytes;
    if (kind & softmetal_write) t.bytes_written += bytes;
    for (std::size_t i = offset; i < offset + bytes; i++) {
        if (kind & softmetal_read) t.unique_bytes_read += region.cells[i].read == 0;
        if (kind & softmetal_write) t.unique_bytes_written += region.cells[i].written == 0;
    }
}

// Whether an earlier access, stamped (epoch, generation, thread), is in order with this one.
bool Checker::in_order(const Access& a, const Region& region, std::uint32_t epoch,
                       std::uint32_t generation, std::uint16_t thread) const {
    bool atomic = a.kind & softmetal_atomic;
    if (epoch == 0 || (thread == by_atomics && atomic)) return true;
    bool threadgroup_memory = region.binding == max_bindings;
    // Threadgroup memory of an earlier threadgroup is another memory; buffers are shared.
    if (epoch < threadgroup_began_) return threadgroup_memory;
    if (epoch < fenced_[threadgroup_memory] || thread == a.lane.thread + 1) return true;
    if (thread == many || thread == by_atomics) return false;
    return group_of(thread) == a.lane.group->index && generation < a.lane.group->generation;
}

void Checker::check_read(const Access& a, Region& region, std::size_t offset) {
    Cell& cell = region.cells[offset];
    bool threadgroup_memory = region.binding == max_bindings;
    if (threadgroup_memory && cell.written < threadgroup_began_)
        fail(a, "read of never-written threadgroup memory: byte " + std::to_string(offset) +
                    " of " + region.name);
    if (region.written && !region.written[offset])
        fail(a, "read of never-written memory: byte " + std::to_string(offset) + " of " +
                    region.name);
    if (!in_order(a, region, cell.written, cell.write_generation, cell.writer))
        race(a, region, offset, "wrote", cell.written, cell.writer);

    std::uint16_t self = a.kind & softmetal_atomic ? by_atomics
                                                   : std::uint16_t(a.lane.thread + 1);
    unsigned group = a.lane.group->index;
    bool earlier = cell.read < threadgroup_began_ || cell.read < fenced_[threadgroup_memory];
    if (earlier || cell.reader == self) {
        cell.reader = self;
    } else if (cell.reader != many && cell.reader != by_atomics && self != by_atomics &&
               group_of(cell.reader) == group) {
        cell.reader = std::uint16_t(many_in_group + group);
    } else {
        cell.reader = many;
    }
    cell.read = epoch_;
    cell.read_generation = a.lane.group->generation;
}

void Checker::check_write(const Access& a, Region& region, std::size_t offset) {
    Cell& cell = region.cells[offset];
    if (!in_order(a, region, cell.written, cell.write_generation, cell.writer))
        race(a, region, offset, "wrote", cell.written, cell.writer);
    if (!in_order(a, region, cell.read, cell.read_generation, cell.reader))
        race(a, region, offset, "read", cell.read, cell.reader);
    cell.written = epoch_;
    cell.write_generation = a.lane.group->generation;
    cell.writer = a.kind & softmetal_atomic ? by_atomics : std::uint16_t(a.lane.thread + 1);
    if (region.written) region.written[offset] = 1;
}

// ---- reports ----

void Checker::fail(const Access& a, const std::string& what) {
    a.runner.fail(what + ", by " + a.runner.describe(&a.lane) + " at " + place(a.code));
}

void Checker::race(const Access& a, const Region& region, std::size_t offset, const char* other,
                   std::uint32_t epoch, std::uint16_t thread) {
    std::string who = "several threads";
    if (thread == by_atomics) who = "an atomic operation";
    else if (is_thread(thread)) who = "thread " + std::to_string(thread - 1);
    else if (thread != many)
        who = "several lanes of SIMD-group " + std::to_string(group_of(thread));
    if (epoch < threadgroup_began_) who += " of an earlier threadgroup";
    const char* verb = a.kind & softmetal_write ? "writes" : "reads";
    fail(a, "race: " + std::string(verb) + " byte " + std::to_string(offset) + " of " +
                region.name + " that " + who + " " + other + " with no barrier between");
}

void Checker::out_of_bounds(const Access& a) {
    const std::vector<Region>& regions =
        std::size_t(a.address - arena_) < arena_bytes_ ? variables_ : buffers_;
    const Region* nearest = nullptr;
    std::size_t best = guard_bytes;
    for (const Region& r : regions) {
        std::size_t distance = a.address < r.memory
                                   ? std::size_t(r.memory - a.address)
                                   : std::size_t(std::max<std::ptrdiff_t>(
                                         a.address + a.bytes - (r.memory + r.bytes), 0));
        if (distance < best) {
            best = distance;
            nearest = &r;
        }
    }
    std::string what = std::string("out-of-bounds ") +
                       (a.kind & softmetal_write ? "write" : "read") + " of " +
                       std::to_string(a.bytes) + " bytes";
    if (!nearest) fail(a, what + " outside of every bound buffer");
    std::ptrdiff_t offset = a.address - nearest->memory;
    std::ptrdiff_t size = std::ptrdiff_t(a.bytes);
    fail(a, what + ": " + nearest->name + ", index " +
                std::to_string(offset < 0 ? (offset - size + 1) / size : offset / size) +
                " (byte " + std::to_string(offset) + " of " + std::to_string(nearest->bytes) + ")");
}

// The place in the Metal source of an instruction, if binutils are there to tell.
std::string Checker::place(const void* code) const {
    auto offset = static_cast<std::size_t>(static_cast<const char*>(code) - image_begin_) - 1;
    char number[32];
    std::snprintf(number, sizeof number, "0x%zx", offset);
    ProcessResult r = run_process({"addr2line", "-i", "-e", image_, number});
    // Innermost frame first; the headers' own lines say less than the line that called them.
    std::string best = "an unknown line";
    for (std::size_t from = 0; from < r.output.size();) {
        std::size_t end = std::min(r.output.find('\n', from), r.output.size());
        std::string line = r.output.substr(from, end - from);
        line = line.substr(0, line.find(" ("));
        from = end + 1;
        if (r.status != 0 || line.empty() || line[0] == '?') break;
        best = line.substr(line.rfind('/') + 1);
        if (line.find("/headers-") == std::string::npos) break;
    }
    return best;
}

} // namespace softmetal
