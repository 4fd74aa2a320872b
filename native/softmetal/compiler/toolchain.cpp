#include "toolchain.h"

#include "cache.h"
#include "process.h"

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace softmetal {

namespace fs = std::filesystem;

namespace {

constexpr int oldest_clang = 18; // the first with complete half and bfloat arithmetic here

std::string locate_clang() {
    if (const char* named = std::getenv("METALMOE_CLANG")) return find_program(named);
    for (int version : {19, 20, 21, 18}) {
        std::string path = find_program("clang++-" + std::to_string(version));
        if (!path.empty()) return path;
    }
    std::string plain = find_program("clang++");
    if (plain.empty()) return {};
    int version = std::atoi(run_process({plain, "-dumpversion"}).output.c_str());
    return version >= oldest_clang ? plain : std::string();
}

// The Metal headers as files, in the cache.
const std::string& header_directory() {
    static const std::string directory = [] {
        std::string all;
        for (const EmbeddedFile* f = embedded_headers; f->name; f++)
            all += std::string(f->name) + '\0' + f->content + '\0';
        return cached("headers-" + content_hash(all), [](const std::string& to) {
            for (const EmbeddedFile* f = embedded_headers; f->name; f++) {
                fs::create_directories(fs::path(to + "/" + f->name).parent_path());
                write_file(to + "/" + f->name, f->content);
            }
        });
    }();
    return directory;
}

using Arguments = std::vector<std::string>;

Arguments language() {
    return {toolchain_path(), "-std=c++17", "-nostdinc", "-nostdinc++", "-fdeclspec", "-w",
            "-isystem", header_directory(), "-D__METAL__=1", "-D__METAL_VERSION__=320",
            "-D__METAL_MACOS__=1", "-D__HAVE_BFLOAT__=1", "-fno-exceptions", "-fno-rtti",
            "-fno-color-diagnostics", "-fdebug-compilation-dir=."};
}

// Half and bfloat operations round each result; floats keep IEEE semantics but may contract.
Arguments code_generation(const PipelineOptions& options) {
    Arguments a = language();
    std::string march = "-march=native";
#if defined(__aarch64__)
    march = "-mcpu=native";
#endif
    Arguments more = {"-O" + std::to_string(options.optimisation), march, "-fPIC",
                      "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math",
                      "-ffp-contract=fast", "-fno-strict-aliasing", "-fno-stack-protector",
                      "-Xclang", "-ffloat16-excess-precision=none", "-Xclang",
                      "-fbfloat16-excess-precision=none"};
    a.insert(a.end(), more.begin(), more.end());
    if (options.check) {
        // Accesses wider than 16 bytes get no hook, so none may be made of narrower ones.
        more = {"-DSOFTMETAL_CHECK", "-fsanitize=thread", "-gline-tables-only",
                "-fno-vectorize", "-fno-slp-vectorize", "-mllvm",
                "-tsan-instrument-func-entry-exit=0", "-mllvm", "-tsan-instrument-atomics=0",
                "-mllvm", "-tsan-instrument-read-before-write=1"};
        a.insert(a.end(), more.begin(), more.end());
    }
    return a;
}

std::string joined(const Arguments& arguments) {
    std::string all;
    for (const std::string& a : arguments) all += a + '\n';
    return all;
}

// The standard library precompiled for these flags; parsing it anew costs half a second.
std::string precompiled(const Arguments& flags) {
    return cached("stdlib-" + content_hash(joined(flags)) + ".pch", [&](const std::string& to) {
        Arguments a = flags;
        a.insert(a.end(), {"-x", "c++-header", header_directory() + "/metal_stdlib", "-o", to});
        ProcessResult r = run_process(a);
        if (r.status != 0)
            throw Error(Error::Kind::toolchain, "[softmetal] metal_stdlib: " + r.output);
    });
}

// A file in the cache that goes when the object does.
struct Scratch {
    std::string path;
    explicit Scratch(const std::string& suffix) {
        std::string name = cache_directory() + "/work-XXXXXX" + suffix;
        int file = mkstemps(name.data(), int(suffix.size()));
        if (file < 0)
            throw Error(Error::Kind::toolchain, "[softmetal] " + name + ": cannot be written");
        close(file);
        path = name;
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove(path, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

} // namespace

std::string toolchain_path() {
    static const std::string path = locate_clang();
    if (path.empty())
        throw Error(Error::Kind::toolchain,
                    "[softmetal] clang: expected version " + std::to_string(oldest_clang) +
                        " or newer, found none (Debian and Ubuntu: apt install clang-19 lld-19 "
                        "libclang-rt-19-dev)");
    return path;
}

std::string toolchain_key() {
    PipelineOptions check{true, 2};
    return joined(code_generation(check));
}

std::string preprocess(std::string_view source, const CompileOptions& options) {
    Scratch in(".metal"), out(".ii");
    write_file(in.path, "# 1 \"" + options.name + "\"\n" + std::string(source));
    Arguments a = language();
    for (const std::string& directory : options.include_directories) a.push_back("-I" + directory);
    for (const auto& [name, value] : options.macros) a.push_back("-D" + name + "=" + value);
    a.insert(a.end(), {"-include", "metal_stdlib", "-E", "-x", "c++", in.path, "-o", out.path});
    ProcessResult r = run_process(a);
    if (r.status != 0) throw Error(Error::Kind::source, r.output);
    return read_file(out.path);
}

void check_syntax(const std::string& text) {
    Scratch in(".cpp");
    write_file(in.path, text);
    Arguments a = code_generation({false, 2}); // the flags of the precompiled library
    std::string library = precompiled(a);
    a.insert(a.end(), {"-include-pch", library, "-fsyntax-only", "-ferror-limit=20", in.path});
    ProcessResult r = run_process(a);
    if (r.status != 0) throw Error(Error::Kind::source, r.output);
}

std::string build_image(const std::string& text, const PipelineOptions& options) {
    Arguments flags = code_generation(options);
    std::string key = content_hash(joined(flags) + text);
    return cached("kernel-" + key + ".so", [&](const std::string& to) {
        Scratch in(".cpp");
        write_file(in.path, text);
        std::string library = precompiled(flags);
        Arguments a = flags;
        a.insert(a.end(), {"-include-pch", library, "-c", in.path, "-o", to + ".o"});
        ProcessResult r = run_process(a);
        if (r.status == 0) {
            Arguments link = {toolchain_path(), "-shared", "-nostdlib++", "-o", to, to + ".o",
                              "--rtlib=compiler-rt", "-lm"};
            r = run_process(link);
        }
        std::error_code ignored;
        fs::remove(to + ".o", ignored);
        if (r.status != 0) throw Error(Error::Kind::pipeline, r.output);
    });
}

} // namespace softmetal
