#include "cache.h"

#include "../include/softmetal/softmetal.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace softmetal {

namespace fs = std::filesystem;

std::string cache_directory() {
    auto value = [](const char* name) {
        const char* v = std::getenv(name);
        return std::string(v ? v : "");
    };
    std::string directory = value("METALMOE_CACHE");
    if (directory.empty()) {
        std::string base = value("XDG_CACHE_HOME");
        if (base.empty()) base = value("HOME").empty() ? "/tmp" : value("HOME") + "/.cache";
        directory = base + "/metalmoe";
    }
    directory += "/softmetal";
    std::error_code failed;
    fs::create_directories(directory, failed);
    if (failed)
        throw Error(Error::Kind::toolchain, "[softmetal] compile cache " + directory +
                                                ": cannot be created: " + failed.message());
    return directory;
}

std::string content_hash(std::string_view content) {
    using u128 = unsigned __int128;
    const u128 prime = (u128(1) << 88) + 0x13b;
    u128 hash = (u128(0x6c62272e07bb0142u) << 64) + 0x62b821756295c58du;
    for (unsigned char c : content) hash = (hash ^ c) * prime;
    char text[33];
    std::snprintf(text, sizeof text, "%016lx%016lx", (unsigned long)(hash >> 64),
                  (unsigned long)hash);
    return text;
}

std::string cached(const std::string& name, const std::function<void(const std::string&)>& make) {
    static std::atomic<unsigned> serial{0};
    std::string path = cache_directory() + "/" + name;
    if (fs::exists(path)) return path;
    std::string temporary =
        path + "." + std::to_string(getpid()) + "-" + std::to_string(serial++) + ".tmp";
    try {
        make(temporary);
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(temporary, ignored);
        throw;
    }
    std::error_code failed;
    fs::rename(temporary, path, failed);
    // Another process may have been first; a directory of the same content then stays.
    if (failed) fs::remove_all(temporary);
    if (!fs::exists(path))
        throw Error(Error::Kind::toolchain, "[softmetal] " + path + ": cannot be written");
    return path;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error(Error::Kind::source, "[softmetal] " + path + ": cannot be read");
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

void write_file(const std::string& path, std::string_view content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), std::streamsize(content.size()));
    if (!file.flush())
        throw Error(Error::Kind::toolchain, "[softmetal] " + path + ": cannot be written");
}

} // namespace softmetal
