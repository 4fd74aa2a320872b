// The scanner and the compile cache: reflection, and errors that point into the source.
#include "launch.h"

#include <cstdio>
#include <unistd.h>

using namespace harness;
using softmetal::Error;
using softmetal::Library;
using softmetal::Parameter;

namespace {

std::string error_of(const std::string& source) {
    try {
        Library::compile(source, {.name = "user.metal"});
    } catch (const Error& e) {
        return e.what();
    }
    return "no error";
}

const std::string prelude = "#include <metal_stdlib>\nusing namespace metal;\n";

} // namespace

TEST(compiler_reflects_parameters_and_constants) {
    auto lib = Library::compile(prelude + R"(
#define BASE 100
constant bool wide [[function_constant(BASE + 2)]];
struct args { int n; };
kernel void f(constant args& a [[buffer(3)]], device const float* x [[buffer(0)]],
              const device half4* h, device float* y [[buffer(1), function_constant(wide)]],
              threadgroup float* t [[threadgroup(1)]], ushort lane [[thread_index_in_simdgroup]]) {}
)");
    CHECK_EQUAL(lib->constants().size(), 1u);
    CHECK_EQUAL(lib->constants()[0].index, 102u);
    CHECK(lib->constants()[0].type == "bool");
    const softmetal::Function* f = lib->find("f");
    CHECK(f && f->parameters.size() == 6);
    const auto& p = f->parameters;
    CHECK(p[0].kind == Parameter::Kind::buffer && p[0].index == 3 && p[0].constant);
    CHECK(p[1].name == "x" && p[1].index == 0 && p[1].constant);
    CHECK(p[2].name == "h" && p[2].index == 2 && p[2].constant);
    CHECK(p[3].index == 1 && !p[3].constant && p[3].optional);
    CHECK(p[4].kind == Parameter::Kind::threadgroup && p[4].index == 1);
    CHECK(p[5].kind == Parameter::Kind::builtin);
}

TEST(compiler_errors_point_into_the_source) {
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device float* x [[buffer(0)]]) {\n"
                                      "    x[0] = undeclared;\n}\n"),
                   "user.metal:4:12: error: use of undeclared identifier 'undeclared'");
    // After a rewritten declaration of several lines the line is still right.
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device float* x [[buffer(0)]]) {\n"
                                      "    threadgroup float\n        a[4],\n        b[4];\n"
                                      "    x[0] = a[0] + nothing;\n}\n"),
                   "user.metal:7:");
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device float* x [[buffer(31)]]) {}\n"),
                   "user.metal:3: error: expected an index below 31, got 31");
    CHECK_CONTAINS(error_of(prelude + "kernel void f(float x) {}\n"),
                   "the kernel's parameter 'x' has no attribute");
    CHECK_CONTAINS(error_of("#include \"missing.h\"\n"), "user.metal:1:10: fatal error:");
}

TEST(compiler_rejects_what_metal_rejects) {
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device int* x [[buffer(0)]], uint i "
                                      "[[thread_position_in_grid]]) { x[0] = min(x[1], i); }\n"),
                   "call to 'min' is ambiguous");
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device float4* x [[buffer(0)]]) "
                                      "{ x[0].xx = float2(1); }\n"),
                   "a component is assigned twice");
    CHECK_CONTAINS(error_of(prelude + "kernel void f(device float4* x [[buffer(0)]], "
                                      "device int4* y [[buffer(1)]]) { x[0] = y[0]; }\n"),
                   "no viable overloaded '='");
}

TEST(compiler_finds_errors_in_template_instances) {
    CHECK_CONTAINS(error_of(prelude + "template <typename T>\nkernel void f(device T* x) {\n"
                                      "    x[0] = x[0].missing;\n}\n"
                                      "template [[host_name(\"g\")]] kernel void "
                                      "f<float>(device float*);\n"),
                   "user.metal:5:");
}

TEST(compiler_says_what_to_install_without_clang) {
    // The search for clang happens once in a process, so another one is asked.
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0);
    std::string command = "METALMOE_CLANG=no-such-clang '" + std::string(self, std::size_t(n)) +
                          "' compiler_reflects 2>&1";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    CHECK(pipe);
    for (int c; (c = std::fgetc(pipe)) != EOF;) output += char(c);
    CHECK(pclose(pipe) != 0);
    CHECK_CONTAINS(output, "found none (Debian and Ubuntu: apt install clang-19");
}

TEST(compiler_literals_are_floats_in_templates_too) {
    Library::compile(prelude + R"(
template <typename T> kernel void f(device T* x) { x[0] = T(fmax(0, fmin(1, x[1] / 6 + 0.5))); }
template [[host_name("f")]] kernel void f<float>(device float*);
)");
}

TEST(compiler_says_that_a_function_is_missing) {
    Launch l = launch("semantics.metal", "nonexistent", 1, 1);
    CHECK_CONTAINS(l.error(), "[pipeline] nonexistent: expected a function of the library");
}
