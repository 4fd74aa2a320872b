// The compile cache: files named by the hash of everything they depend on, so that an entry never
// has to be invalidated. Several processes may fill it at once.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace softmetal {

// $METALMOE_CACHE, or metalmoe below $XDG_CACHE_HOME or ~/.cache. Created when missing.
std::string cache_directory();

// 128 bits of FNV-1a in hexadecimal: the cache is not a defence against forged input.
std::string content_hash(std::string_view content);

// The path of the cache entry `name`. When it does not exist yet, `make` is called to write the
// given temporary path, which then takes the name in one step.
std::string cached(const std::string& name, const std::function<void(const std::string&)>& make);

std::string read_file(const std::string& path); // throws Error when it cannot
void write_file(const std::string& path, std::string_view content);

} // namespace softmetal
