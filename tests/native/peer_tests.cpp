// Real shaders of another project, when its source is on this machine: they must compile.
// METALMOE_LLAMA_SOURCE names a checkout of llama.cpp. METALMOE_PEER_KERNELS=N also builds the
// first N kernels of each file to machine code.
#include "launch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace harness;
namespace fs = std::filesystem;

namespace {

fs::path metal_folder() {
    const char* source = std::getenv("METALMOE_LLAMA_SOURCE");
    if (!source) throw Skip{"METALMOE_LLAMA_SOURCE is not set"};
    fs::path metal = fs::path(source) / "ggml/src/ggml-metal";
    if (!fs::exists(metal)) throw Skip{metal.string() + " does not exist"};
    return metal;
}

std::shared_ptr<const softmetal::Library> peer_library(const fs::path& file) {
    fs::path metal = metal_folder();
    softmetal::CompileOptions options;
    options.include_directories = {metal.string(), metal.parent_path().string()};
    options.macros = {{"GGML_METAL_HAS_BF16", "1"}};
    return softmetal::Library::compile_file(file.string(), options);
}

} // namespace

TEST(peer_llama_cpp_rms_norm_runs_under_all_checks) {
    auto library = peer_library(metal_folder() / "kernels/norm.metal");
    auto pipeline = softmetal::Pipeline::create(library, "kernel_rms_norm_f32", {},
                                                {.check = true, .optimisation = 1});
    constexpr unsigned columns = 200, rows = 3;
    struct { // the kernel's argument block
        std::int32_t columns, columns_of_type;
        std::uint64_t strides[3];
        float epsilon;
        std::int32_t unused_extents[3][3];
        std::uint64_t unused_strides[3][3];
        float scale;
    } args{};
    args.columns = args.columns_of_type = columns;
    args.strides[0] = columns * sizeof(float);
    args.epsilon = 1e-5f;
    for (auto& extent : args.unused_extents)
        for (std::int32_t& e : extent) e = 1;
    args.unused_strides[0][0] = columns * sizeof(float);
    std::vector<float> x(columns * rows), y(columns * rows);
    std::vector<std::uint8_t> written(y.size() * sizeof(float));
    for (std::size_t i = 0; i < x.size(); i++) x[i] = float(i % 23) - 9.5f;
    softmetal::Dispatch d;
    d.buffers[0] = {&args, sizeof args, nullptr};
    for (unsigned i : {1, 2, 3}) d.buffers[i] = {x.data(), x.size() * sizeof(float), nullptr};
    d.buffers[4] = {y.data(), y.size() * sizeof(float), written.data()};
    d.threadgroup_bytes[0] = 32 * sizeof(float);
    d.threadgroups = {rows, 1, 1};
    d.threads = {128, 1, 1};
    pipeline->dispatch(d);
    for (unsigned r = 0; r < rows; r++) {
        double sum = 0;
        const float* row = &x[r * columns];
        for (unsigned c = 0; c < columns; c++) sum += double(row[c]) * row[c];
        double scale = 1 / std::sqrt(sum / columns + 1e-5);
        for (unsigned c = 0; c < columns; c++)
            CHECK_NEAR(y[r * columns + c], x[r * columns + c] * scale, 1e-5, "rms norm");
    }
    CHECK(std::count(written.begin(), written.end(), 1) == std::ptrdiff_t(written.size()));
}

TEST(peer_llama_cpp_kernels_compile) {
    fs::path metal = metal_folder();
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(metal))
        if (entry.path().extension() == ".metal") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const char* limit = std::getenv("METALMOE_PEER_KERNELS");
    std::size_t kernels = 0, built = 0, bad = 0;
    for (const fs::path& file : files) {
        try {
            auto library = peer_library(file);
            kernels += library->functions().size();
            std::printf("  %-24s %4zu kernels\n", file.filename().c_str(),
                        library->functions().size());
            std::size_t few = limit ? std::size_t(std::atoi(limit)) : 0;
            for (std::size_t i = 0; i < std::min(few, library->functions().size()); i++, built++)
                softmetal::Pipeline::create(library, library->functions()[i].name, {},
                                            {.check = false, .optimisation = 1});
        } catch (const softmetal::Error& e) {
            bad++;
            std::printf("  %s: %s\n", file.filename().c_str(), e.what());
        }
    }
    std::printf("  %zu of %zu files, %zu kernels, %zu built\n", files.size() - bad, files.size(),
                kernels, built);
    CHECK_EQUAL(bad, 0u);
    CHECK(kernels > 100);
}
