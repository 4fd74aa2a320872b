// Runs one kernel of tests/native/kernels through the software Metal's C++ interface.
#pragma once

#include "harness.h"

#include <softmetal/softmetal.h>

namespace harness {

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
