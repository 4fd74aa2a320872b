// The software Metal's own interface, below the Objective-C classes: compile Metal source to a
// library, specialise one of its kernels to a pipeline, dispatch it over a grid.
//
//   auto library  = softmetal::Library::compile(source, {.name = "norm.metal"});
//   auto pipeline = softmetal::Pipeline::create(library, "rms_norm_f32", {});
//   softmetal::Dispatch d;
//   d.buffers[0] = {x.data(), x.size() * sizeof(float)};
//   d.threadgroups = {rows, 1, 1}; d.threads = {256, 1, 1};
//   softmetal::Counters c = pipeline->dispatch(d);
//
// Libraries and pipelines are immutable and may be used by several threads at once. Every
// function reports failure by throwing Error with the text a user should see.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softmetal {

inline constexpr unsigned max_bindings = 31;
inline constexpr unsigned max_threads_per_threadgroup = 1024;
inline constexpr unsigned simd_width = 32;
inline constexpr std::size_t max_threadgroup_bytes = 32768;

class Error : public std::runtime_error {
  public:
    enum class Kind { toolchain, source, pipeline, dispatch, check };
    Error(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
    Kind kind() const { return kind_; }

  private:
    Kind kind_;
};

// Where clang is; throws Error::Kind::toolchain naming the package to install when it is not.
std::string toolchain_path();

struct CompileOptions {
    std::string name = "program_source"; // what error messages call the source
    std::vector<std::string> include_directories{};
    std::vector<std::pair<std::string, std::string>> macros{};
};

struct Parameter {
    enum class Kind { buffer, threadgroup, builtin };
    Kind kind = Kind::builtin;
    unsigned index = 0;    // of a buffer or threadgroup binding
    std::string name;
    std::string type;      // as written, without address space
    std::string source;    // which built-in value: an enumerator of metal::__source
    bool constant = false; // the kernel only reads it
    bool optional = false; // present only if some function constant says so
};

struct FunctionConstant {
    std::string name;
    std::string type;
    unsigned index = 0;
};

struct Function {
    std::string name;       // what the host asks for
    std::string expression; // the C++ expression that names it: f or f<float, 4>
    std::vector<Parameter> parameters;
};

class Library {
  public:
    static std::shared_ptr<const Library> compile(std::string_view source,
                                                  const CompileOptions& options = {});
    static std::shared_ptr<const Library> compile_file(const std::string& path,
                                                       CompileOptions options = {});

    const std::vector<Function>& functions() const { return functions_; }
    const std::vector<FunctionConstant>& constants() const { return constants_; }
    const Function* find(std::string_view name) const; // null when there is none

  private:
    friend class Pipeline;
    std::string text_; // rewritten to C++
    std::vector<Function> functions_;
    std::vector<FunctionConstant> constants_;
};

struct ConstantValue {
    unsigned index = 0;
    std::array<std::byte, 16> bytes{}; // little-endian, as Metal takes them
};
template <class T> ConstantValue constant(unsigned index, T value) {
    static_assert(sizeof(T) <= 16);
    ConstantValue c{index, {}};
    __builtin_memcpy(c.bytes.data(), &value, sizeof value);
    return c;
}

struct PipelineOptions {
    bool check = false;   // instrument every memory access: about thirty times slower
    int optimisation = 2; // clang's -O level
};

struct Size {
    unsigned x = 1, y = 1, z = 1;
};

struct Buffer {
    void* data = nullptr;
    std::size_t bytes = 0;
    // In check mode: one byte per byte of the buffer, zero where nothing has been written yet.
    // Reading such a byte is an error; writing sets it. Null: all of it counts as written.
    std::uint8_t* written = nullptr;
};

struct Dispatch {
    std::array<Buffer, max_bindings> buffers;
    std::array<std::size_t, max_bindings> threadgroup_bytes{};
    Size threadgroups;             // of the grid, or, when `exact` is set,
    Size threads;                  // per threadgroup
    bool exact = false;            // dispatchThreads: `grid` counts threads, edges may be ragged
    Size grid;
    unsigned workers = 0;          // 0: one per processor
    bool allow_divergence = false; // SIMD operations by some lanes only act on those lanes
    std::uint64_t shuffle = 0;     // nonzero: seed of another order of lanes and threadgroups
};

struct Traffic {
    std::uint64_t bytes_read = 0, bytes_written = 0; // every access counts
    std::uint64_t unique_bytes_read = 0, unique_bytes_written = 0; // every byte counts once
};

struct Counters {
    std::uint64_t threads = 0, barriers = 0, simd_operations = 0;
    std::size_t threadgroup_bytes = 0;              // the most that one threadgroup used
    std::array<Traffic, max_bindings> traffic{};    // filled in check mode
    void add(const Counters& other);
};

class Pipeline {
  public:
    static std::shared_ptr<const Pipeline> create(std::shared_ptr<const Library> library,
                                                  const std::string& function,
                                                  const std::vector<ConstantValue>& constants,
                                                  const PipelineOptions& options = {});
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    Counters dispatch(const Dispatch&) const;
    const Function& function() const { return function_; }
    bool checks() const { return checks_; }
    const std::string& image() const { return image_; } // the shared object on disk
    void* entry() const { return entry_; }

  private:
    Pipeline() = default;
    Function function_;
    std::string image_;
    void* handle_ = nullptr;
    void* entry_ = nullptr;
    bool checks_ = false;
};

} // namespace softmetal
