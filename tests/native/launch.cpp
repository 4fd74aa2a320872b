#include "launch.h"

#include <map>

namespace harness {

std::shared_ptr<const softmetal::Library> library(const std::string& file) {
    static std::map<std::string, std::shared_ptr<const softmetal::Library>> compiled;
    auto& entry = compiled[file];
    if (!entry) entry = softmetal::Library::compile_file(data("kernels/" + file));
    return entry;
}

Launch launch(const std::string& file, const std::string& function, unsigned threadgroups,
              unsigned threads) {
    Launch l;
    l.file = file;
    l.function = function;
    l.dispatch.threadgroups = {threadgroups, 1, 1};
    l.dispatch.threads = {threads, 1, 1};
    return l;
}

softmetal::Counters Launch::run() {
    auto pipeline = softmetal::Pipeline::create(library(file), function, constants,
                                                {.check = check, .optimisation = 1});
    return pipeline->dispatch(dispatch);
}

std::string Launch::error() {
    try {
        run();
    } catch (const softmetal::Error& e) {
        return e.what();
    }
    fail(__FILE__, __LINE__, function + ": expected an error, got none");
}

} // namespace harness
