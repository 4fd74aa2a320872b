#include "expression.h"

#include <cctype>
#include <charconv>
#include <string>

namespace softmetal {

namespace {

struct Parser {
    std::string_view rest;
    bool good = true;

    void skip() {
        while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest[0])))
            rest.remove_prefix(1);
    }
    bool accept(std::string_view token) {
        skip();
        if (rest.substr(0, token.size()) != token) return false;
        rest.remove_prefix(token.size());
        return true;
    }
    long primary() {
        if (accept("(")) {
            long v = sum(0);
            good &= accept(")");
            return v;
        }
        if (accept("-")) return -primary();
        skip();
        long v = 0;
        bool hexadecimal = rest.size() > 2 && rest[0] == '0' && (rest[1] | 32) == 'x';
        if (hexadecimal) rest.remove_prefix(2);
        auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), v,
                                            hexadecimal ? 16 : 10);
        good &= error == std::errc();
        rest.remove_prefix(std::size_t(end - rest.data()));
        while (!rest.empty() && std::string_view("uUlL").find(rest[0]) != std::string_view::npos)
            rest.remove_prefix(1);
        return v;
    }
    // Levels bind ever more tightly: | & << +- */%.
    long sum(int level) {
        if (level == 5) return primary();
        long v = sum(level + 1);
        while (good) {
            if (level == 0 && accept("|")) v |= sum(1);
            else if (level == 1 && accept("&")) v &= sum(2);
            else if (level == 2 && (accept("<<") || accept("< <"))) v <<= sum(3);
            else if (level == 2 && (accept(">>") || accept("> >"))) v >>= sum(3);
            else if (level == 3 && accept("+")) v += sum(4);
            else if (level == 3 && accept("-")) v -= sum(4);
            else if (level == 4 && accept("*")) v *= sum(5);
            else if (level == 4 && (accept("/") || accept("%"))) good = false;
            else break;
        }
        return v;
    }
};

} // namespace

bool evaluate_integer(std::string_view text, long& value) {
    Parser p{text};
    value = p.sum(0);
    p.skip();
    return p.good && p.rest.empty();
}

} // namespace softmetal
