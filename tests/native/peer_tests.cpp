// Real shaders of another project, when its source is on this machine: they must compile.
// METALMOE_LLAMA_SOURCE names a checkout of llama.cpp. METALMOE_PEER_KERNELS=N also builds the
// first N kernels of each file to machine code.
#include "harness.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace harness;
namespace fs = std::filesystem;

TEST(peer_llama_cpp_kernels_compile) {
    const char* source = std::getenv("METALMOE_LLAMA_SOURCE");
    if (!source) throw Skip{"METALMOE_LLAMA_SOURCE is not set"};
    fs::path metal = fs::path(source) / "ggml/src/ggml-metal";
    if (!fs::exists(metal)) throw Skip{metal.string() + " does not exist"};
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(metal))
        if (entry.path().extension() == ".metal") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const char* limit = std::getenv("METALMOE_PEER_KERNELS");
    std::size_t kernels = 0, built = 0, bad = 0;
    for (const fs::path& file : files) {
        try {
            softmetal::CompileOptions options;
            options.include_directories = {metal.string(), metal.parent_path().string()};
            options.macros = {{"GGML_METAL_HAS_BF16", "1"}};
            auto library = softmetal::Library::compile_file(file.string(), options);
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
