// A small test runner: tests register themselves, failures carry file and line.
#pragma once

#include <softmetal/softmetal.h>

#include <functional>
#include <string>
#include <vector>

namespace harness {

struct Test {
    const char* name;
    std::function<void()> body;
};
std::vector<Test>& tests();

struct Register {
    Register(const char* name, std::function<void()> body) {
        tests().push_back({name, std::move(body)});
    }
};

struct Skip {
    std::string reason;
};

[[noreturn]] void fail(const char* file, int line, const std::string& text);
void check_near(const char* file, int line, double got, double expected, double tolerance,
                const std::string& what);

// The path of a file beside the tests.
std::string data(const std::string& name);

// A library of tests/native/kernels, compiled once.
std::shared_ptr<const softmetal::Library> library(const std::string& file);

// Runs `function` of `file` and returns the counters.
struct Launch {
    std::string file, function;
    softmetal::Dispatch dispatch;
    bool check = false;
    std::vector<softmetal::ConstantValue> constants;
    template <class T>
    Launch& bind(unsigned index, std::vector<T>& data, std::uint8_t* written = nullptr) {
        dispatch.buffers[index] = {data.data(), data.size() * sizeof(T), written};
        return *this;
    }
    softmetal::Counters run();
    std::string error(); // the text of the error that the run must end in
};
Launch launch(const std::string& file, const std::string& function, unsigned threadgroups,
              unsigned threads);

} // namespace harness

#define TEST(name) \
    static void name(); \
    static harness::Register register_##name(#name, name); \
    static void name()
#define CHECK(condition) \
    do { \
        if (!(condition)) harness::fail(__FILE__, __LINE__, #condition); \
    } while (0)
#define CHECK_EQUAL(got, expected) \
    do { \
        auto got_ = (got); \
        auto expected_ = (expected); \
        if (!(got_ == decltype(got_)(expected_))) \
            harness::fail(__FILE__, __LINE__, \
                          std::string(#got) + ": expected " + std::to_string(expected_) + \
                              ", got " + std::to_string(got_)); \
    } while (0)
#define CHECK_NEAR(got, expected, tolerance, what) \
    harness::check_near(__FILE__, __LINE__, got, expected, tolerance, what)
#define CHECK_CONTAINS(text, part) \
    do { \
        std::string text_ = (text); \
        if (text_.find(part) == std::string::npos) \
            harness::fail(__FILE__, __LINE__, \
                          std::string("expected '") + (part) + "' in: " + text_); \
    } while (0)
