// Splits preprocessed C++ into tokens, leaving out comments' remains, line markers and the text
// of system headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softmetal {

struct Token {
    enum class Kind { identifier, number, string, punctuation };
    Kind kind;
    std::size_t begin, end; // offsets into the text
};

// `text` is clang -E output. What came from system headers is removed from it, and so are pragmas
// (the preprocessor leaves macros in them unexpanded, which clang then rejects). Line markers
// stay, so that diagnostics point into the source.
std::string strip_system_headers(std::string_view text);

// "[[" is one token; ">" always is, so that ">>" closes two template argument lists.
std::vector<Token> tokenize(std::string_view text);

} // namespace softmetal
