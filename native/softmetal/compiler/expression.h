// Integer constant expressions, as they stand in attributes: `buffer(BASE + 3)` after expansion.
#pragma once

#include <string_view>

namespace softmetal {

// + - * << >> | & and parentheses over integer literals. False for anything else.
bool evaluate_integer(std::string_view text, long& value);

} // namespace softmetal
