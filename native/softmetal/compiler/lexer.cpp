#include "lexer.h"

#include <algorithm>
#include <cctype>

namespace softmetal {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The flags of a line marker `# 12 "file" 1 3`: does it enter a system header?
bool marks_system_header(std::string_view line) {
    std::size_t quote = line.rfind('"');
    return quote != std::string_view::npos && line.find(" 3", quote) != std::string_view::npos;
}

std::size_t end_of_string(std::string_view text, std::size_t begin) {
    std::size_t i = begin + 1;
    while (i < text.size() && text[i] != text[begin]) i += text[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text.size());
}

std::size_t end_of_number(std::string_view text, std::size_t begin) {
    std::size_t i = begin + 1;
    auto sign_in_exponent = [&] {
        return (text[i] == '+' || text[i] == '-') && std::string_view("eEpP").find(text[i - 1]) !=
                                                         std::string_view::npos &&
               // 0xE+1 is a sum
               !(text.substr(begin, 2) == "0x" && (text[i - 1] == 'e' || text[i - 1] == 'E'));
    };
    while (i < text.size() && (is_word(text[i]) || text[i] == '.' || sign_in_exponent())) i++;
    return i;
}

} // namespace

std::string strip_system_headers(std::string_view text) {
    std::string out;
    bool skipping = false;
    for (std::size_t from = 0; from < text.size();) {
        std::size_t end = std::min(text.find('\n', from), text.size());
        std::string_view line = text.substr(from, end - from);
        from = end + 1;
        std::size_t first = line.find_first_not_of(" \t");
        bool directive = first != std::string_view::npos && line[first] == '#';
        bool pragma = directive && line.find("pragma", first) != std::string_view::npos;
        if (directive && !pragma) skipping = marks_system_header(line);
        if (skipping) continue;
        // Without its flags a marker needs no partner among those that went.
        if (directive && !pragma) line = line.substr(0, line.rfind('"') + 1);
        if (!pragma) out += line;
        out += '\n';
    }
    return out;
}

std::vector<Token> tokenize(std::string_view text) {
    std::vector<Token> tokens;
    std::size_t i = 0;
    bool line_start = true;
    while (i < text.size()) {
        char c = text[i];
        if (std::isspace(static_cast<unsigned char>(c))) {
            line_start |= c == '\n';
            i++;
            continue;
        }
        if (c == '#' && line_start) {
            i = std::min(text.find('\n', i), text.size());
            continue;
        }
        line_start = false;
        std::size_t begin = i;
        Token::Kind kind = Token::Kind::punctuation;
        bool digit = std::isdigit(static_cast<unsigned char>(c));
        bool fraction = c == '.' && i + 1 < text.size() &&
                        std::isdigit(static_cast<unsigned char>(text[i + 1]));
        if (digit || fraction) {
            kind = Token::Kind::number;
            i = end_of_number(text, i);
        } else if (is_word(c)) {
            kind = Token::Kind::identifier;
            while (i < text.size() && is_word(text[i])) i++;
        } else if (c == '"' || c == '\'') {
            kind = Token::Kind::string;
            i = end_of_string(text, i);
        } else {
            std::string_view two = text.substr(i, 2);
            i += two == "[[" || two == "::" || two == "->" ? 2 : 1;
        }
        tokens.push_back({kind, begin, i});
    }
    return tokens;
}

} // namespace softmetal
