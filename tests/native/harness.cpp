#include "harness.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace harness {

namespace {
struct Failure {
    std::string text;
};
} // namespace

std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

void fail(const char* file, int line, const std::string& text) {
    const char* slash = std::strrchr(file, '/');
    throw Failure{std::string(slash ? slash + 1 : file) + ":" + std::to_string(line) + ": " + text};
}

void check_near(const char* file, int line, double got, double expected, double tolerance,
                const std::string& what) {
    bool same = got == expected || (std::isnan(got) && std::isnan(expected)) ||
                std::fabs(got - expected) <= tolerance;
    if (same) return;
    char text[256];
    std::snprintf(text, sizeof text, "%s: expected %.9g, got %.9g (tolerance %.3g)", what.c_str(),
                  expected, got, tolerance);
    fail(file, line, text);
}

std::string data(const std::string& name) { return std::string(TEST_DIRECTORY) + "/" + name; }

} // namespace harness

// Arguments: parts of test names; all tests without any.
int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    int passed = 0, failed = 0, skipped = 0;
    for (const harness::Test& test : harness::tests()) {
        bool wanted = count == 1;
        for (int i = 1; i < count; i++) wanted |= std::strstr(test.name, arguments[i]) != nullptr;
        if (!wanted) continue;
        auto start = std::chrono::steady_clock::now();
        std::string trouble;
        try {
            test.body();
            passed++;
        } catch (const harness::Skip& skip) {
            std::printf("skipped %s: %s\n", test.name, skip.reason.c_str());
            skipped++;
            continue;
        } catch (const harness::Failure& f) {
            trouble = f.text;
        } catch (const std::exception& e) {
            trouble = e.what();
        }
        std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        if (!trouble.empty()) {
            failed++;
            std::printf("FAILED %s: %s\n", test.name, trouble.c_str());
        } else {
            std::printf("passed %s (%.2f s)\n", test.name, took.count());
        }
    }
    std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}
