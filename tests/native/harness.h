// A small test runner: tests register themselves, failures carry file and line.
#pragma once

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
