// Running other programs.
#pragma once

#include <string>
#include <vector>

namespace softmetal {

struct ProcessResult {
    int status = 127; // exit status; 127 when the program could not be started
    std::string output; // standard output and error together
};

// `arguments[0]` is searched for on the PATH. Waits for the end.
ProcessResult run_process(const std::vector<std::string>& arguments);

// The full path of an executable on the PATH, or an empty string.
std::string find_program(const std::string& name);

} // namespace softmetal
