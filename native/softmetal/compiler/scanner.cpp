#include "scanner.h"

#include "expression.h"

#include <algorithm>
#include <cstdlib>

namespace softmetal {

Scanner::Scanner(std::string_view preprocessed)
    : text_(strip_system_headers(preprocessed)), tokens_(tokenize(text_)) {}

ScanResult Scanner::scan() {
    for (std::size_t i = 0; i < tokens_.size();) i = step(i);
    for (const Instance& instance : instances_) {
        auto kernel = kernels_.find(instance.kernel);
        if (kernel != kernels_.end())
            result_.functions.push_back(
                {instance.host_name, instance.expression, kernel->second});
    }
    result_.text = apply_edits();
    return std::move(result_);
}

// ---- reading tokens ----

std::string_view Scanner::at(std::size_t token) const {
    if (token >= tokens_.size()) return {};
    const Token& t = tokens_[token];
    return std::string_view(text_).substr(t.begin, t.end - t.begin);
}

std::string Scanner::between(std::size_t first, std::size_t last) const {
    std::string out;
    for (std::size_t i = first; i < last; i++) {
        if (!out.empty()) out += ' ';
        out += at(i);
    }
    return out;
}

// The token that closes the parenthesis, bracket or brace at `open`.
std::size_t Scanner::closing(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < tokens_.size(); i++) {
        std::string_view t = at(i);
        if (t == "(" || t == "[" || t == "{") depth++;
        if (t == "[[") depth += 2;
        if (t == ")" || t == "]" || t == "}") depth--;
        if (depth == 0) return i;
    }
    fail(open, "expected the bracket to be closed");
}

std::size_t Scanner::end_of_attribute(std::size_t open) const { return closing(open) + 1; }

std::vector<Scanner::Attribute> Scanner::attributes(std::size_t open) const {
    std::vector<Attribute> out;
    std::size_t end = end_of_attribute(open) - 2;
    for (std::size_t i = open + 1; i < end; i++) {
        if (is(i, ",")) continue;
        Attribute a{std::string(at(i)), {}};
        while (is(i + 1, "::")) i += 2, a.name = at(i);
        if (is(i + 1, "(")) {
            std::size_t close = closing(i + 1);
            a.argument = between(i + 2, close);
            i = close;
        }
        out.push_back(std::move(a));
    }
    return out;
}

// The first token of the declaration or statement that holds `token`.
std::size_t Scanner::statement_begin(std::size_t token) const {
    while (token > 0) {
        std::string_view before = at(token - 1);
        if (before == ";" || before == "{" || before == "}") break;
        if (before == ":" && token > 1 &&
            (is(token - 2, "public") || is(token - 2, "private") || is(token - 2, "protected")))
            break;
        token--;
    }
    return token;
}

void Scanner::fail(std::size_t token, const std::string& text) const {
    // Counts lines from the last line marker before the token.
    std::size_t end = token < tokens_.size() ? tokens_[token].begin : text_.size();
    std::string file = "source";
    long line = 0;
    for (std::size_t from = 0; from < end;) {
        std::size_t stop = std::min(text_.find('\n', from), text_.size());
        std::string_view l = std::string_view(text_).substr(from, stop - from);
        line++;
        if (!l.empty() && l[0] == '#') {
            line = std::strtol(l.data() + 1, nullptr, 10) - 1;
            std::size_t a = l.find('"'), b = l.rfind('"');
            if (b > a) file = l.substr(a + 1, b - a - 1);
        }
        from = stop + 1;
    }
    throw Error(Error::Kind::source,
                file + ":" + std::to_string(line) + ": error: " + text);
}

unsigned Scanner::evaluate(std::size_t token, const std::string& expression) const {
    long value = 0;
    if (!evaluate_integer(expression, value) || value < 0)
        fail(token, "expected an index that is an integer constant, got '" + expression + "'");
    return unsigned(value);
}

// ---- changing text ----

void Scanner::replace(std::size_t first, std::size_t last, std::string with) {
    if (first < last) edits_.push_back({tokens_[first].begin, tokens_[last - 1].end, with});
}

// Line breaks and line markers inside of replaced text are kept.
std::string Scanner::apply_edits() {
    std::stable_sort(edits_.begin(), edits_.end(),
                     [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    std::string out;
    std::size_t done = 0;
    for (const Edit& e : edits_) {
        if (e.begin < done) continue; // inside of a larger edit
        out.append(text_, done, e.begin - done);
        out += e.with;
        for (std::size_t i = e.begin; i < e.end; i++) {
            if (text_[i] != '\n') continue;
            out += '\n';
            if (text_[i + 1] == '#')
                out.append(text_, i + 1, text_.find('\n', i + 1) - i - 1);
        }
        done = e.end;
    }
    out.append(text_, done);
    return out;
}

// ---- the walk over the source ----

void Scanner::open_brace(std::size_t token) {
    bool in_function = !scopes_.empty() && scopes_.back().kind == Scope::Kind::function;
    std::size_t begin = statement_begin(token);
    Scope scope{Scope::Kind::function, {}, {}};
    if (!in_function) {
        for (std::size_t i = begin; i < token; i++) {
            std::string_view t = at(i);
            if (t == "namespace") {
                scope.kind = Scope::Kind::name_space;
                scope.name = between(i + 1, token);
                break;
            }
            if (t == "(" || t == "[[") { // a function's parameters, or an attribute
                if (t == "(") break;
                i = end_of_attribute(i) - 1;
                continue;
            }
            if (t == "<") continue; // template parameters may say `class`
            bool first_word = i == begin || is(i - 1, ">") || is(i - 1, "typedef") ||
                              is(i - 1, "constant") || is(i - 1, "static");
            if (first_word && (t == "struct" || t == "class" || t == "union" || t == "enum"))
                scope.kind = Scope::Kind::type;
            if (t == "extern" && i + 2 == token) scope.kind = Scope::Kind::name_space;
        }
    }
    scopes_.push_back(std::move(scope));
}

// A floating-point literal without a suffix is a float in Metal.
bool Scanner::is_bare_float(std::size_t token) const {
    std::string_view t = at(token);
    bool hexadecimal = t.size() > 1 && (t[1] == 'x' || t[1] == 'X');
    char last = t.back();
    return t.find_first_of(hexadecimal ? "pP" : ".eE") != t.npos &&
           (last == '.' || (last >= '0' && last <= '9'));
}

std::size_t Scanner::step(std::size_t token) {
    if (tokens_[token].kind == Token::Kind::number && is_bare_float(token))
        replace(token, token + 1, std::string(at(token)) + "f");
    if (tokens_[token].kind == Token::Kind::identifier) return word(token);
    std::string_view t = at(token);
    if (t == "{") open_brace(token);
    if (t == "}" && !scopes_.empty()) scopes_.pop_back();
    if (t == "[[") {
        for (const Attribute& a : attributes(token))
            if (a.name == "kernel") return kernel(token);
        std::size_t end = end_of_attribute(token);
        replace(token, end, " ");
        return end;
    }
    return token + 1;
}

std::size_t Scanner::word(std::size_t token) {
    std::string_view t = at(token);
    std::size_t next = token + 1;
    bool space = t == "device" || t == "thread" || t == "constant" || t == "threadgroup";
    if (space && member_qualifier(token, next)) return next;
    if (t == "device" || t == "thread")
        replace(token, token + 1, "");
    else if (t == "constant")
        return constant(token);
    else if (t == "threadgroup")
        return threadgroup(token);
    else if (t == "kernel")
        return kernel(token);
    else if ((t == "vertex" || t == "fragment") && scopes_.empty())
        fail(token, "only kernel functions are supported, this is a " + std::string(t) +
                        " function");
    else if (t == "is_function_constant_defined" && is(token + 1, "(") && is(token + 3, ")"))
        replace(token, token + 4, std::string(at(token + 2)) + "__defined");
    return next;
}

// `constant T name [[function_constant(n)]];` becomes a constant whose value the pipeline gives.
std::size_t Scanner::constant(std::size_t token) {
    std::size_t i = token + 1;
    while (i < tokens_.size() && !is(i, "[[") && !is(i, ";") && !is(i, "{") && !is(i, "(") &&
           !is(i, "=") && !is(i, ")"))
        i++;
    std::vector<Attribute> found;
    if (is(i, "[[")) found = attributes(i);
    if (found.empty() || found[0].name != "function_constant" || i < token + 3) {
        replace(token, token + 1, "const");
        return token + 1;
    }
    FunctionConstant c{std::string(at(i - 1)), between(token + 1, i - 1),
                       evaluate(i, found[0].argument)};
    if (c.type.rfind("const ", 0) == 0) c.type.erase(0, 6);
    std::string n = std::to_string(c.index);
    std::size_t end = end_of_attribute(i);
    replace(token, end,
            "static constexpr bool " + c.name + "__defined = __CONSTANT_" + n +
                "_DEFINED__; static const " + c.type + " " + c.name +
                " = ::metal::__constant_value<" + c.type + ">(__CONSTANT_" + n + "__)");
    result_.constants.push_back(std::move(c));
    return end;
}

std::string Scanner::qualified(std::string_view name) const {
    std::string out;
    for (const Scope& s : scopes_)
        if (s.kind == Scope::Kind::name_space && !s.name.empty()) out += s.name + "::";
    return out += name;
}

// `operator T() const device { ... }`: with address spaces gone, such members are one function.
// The first of them stays. `next` is set behind those that go.
bool Scanner::member_qualifier(std::size_t token, std::size_t& next) {
    if (scopes_.empty() || scopes_.back().kind != Scope::Kind::type) return false;
    std::size_t before = token;
    while (before > 0 && (is(before - 1, "const") || is(before - 1, "volatile"))) before--;
    if (before == 0 || !is(before - 1, ")")) return false;
    std::string_view after = at(token + 1);
    if (after != "{" && after != ";" && after != "const" && after != ":" && after != "=")
        return false;
    std::size_t begin = statement_begin(token);
    std::string signature;
    for (std::size_t i = begin; i < token; i++) {
        std::string_view t = at(i);
        if (t == "device" || t == "thread" || t == "constant" || t == "threadgroup") continue;
        signature += t;
        signature += ' ';
    }
    if (scopes_.back().members.insert(signature).second) {
        replace(token, token + 1, "");
        next = token + 1;
        return true;
    }
    std::size_t end = token;
    while (end < tokens_.size() && !is(end, "{") && !is(end, ";")) end++;
    end = is(end, "{") ? closing(end) + 1 : end + 1;
    replace(begin, end, "");
    next = end;
    return true;
}

// A variable in threadgroup memory, or just an address space that goes.
std::size_t Scanner::threadgroup(std::size_t token) {
    bool in_function = !scopes_.empty() && scopes_.back().kind == Scope::Kind::function;
    std::string_view before = token ? at(token - 1) : ";";
    bool starts = before == ";" || before == "{" || before == "}" || before == ")" ||
                  before == ":" || before == "static" || before == "volatile";
    std::size_t end = token;
    while (end < tokens_.size() && !is(end, ";")) end++;
    bool plain = in_function && starts;
    for (std::size_t i = token; i < end && plain; i++) {
        if (is(i, "[")) i = closing(i); // an extent may be a product
        plain = !is(i, "*") && !is(i, "&") && !is(i, "=") && !is(i, "{");
    }
    if (!plain) {
        replace(token, token + 1, "");
        return token + 1;
    }
    // The type reaches to the first name that a bracket, comma or the end follows.
    std::size_t name = token + 1;
    for (int angles = 0; name < end; name++) {
        if (is(name, "<")) angles++;
        if (is(name, ">")) angles--;
        std::string_view after = at(name + 1);
        if (angles == 0 && tokens_[name].kind == Token::Kind::identifier &&
            (after == "[" || after == "," || after == ";" || after == "[["))
            break;
    }
    if (name == end) fail(token, "expected a variable in threadgroup memory");
    std::string type = between(token + 1, name), out;
    for (std::size_t i = name; i < end;) {
        std::string id(at(i++)), extent;
        while (i < end && !is(i, ",")) {
            if (is(i, "[")) {
                std::size_t close = closing(i);
                extent += "[" + between(i + 1, close) + "]";
                i = close + 1;
            } else {
                i = is(i, "[[") ? end_of_attribute(i) : i + 1;
            }
        }
        i++;
        std::string t = "__type_of_" + id, key = "__key_of_" + id;
        out += "static char " + key + "; typedef " + type + " " + t + extent + "; " + t + " &" +
               id + " = *(" + t + " *)::metal::__threadgroup_variable(&" + key + ", sizeof(" + t +
               "), alignof(" + t + ")); ";
    }
    replace(token, end + 1, out);
    return end + 1;
}

} // namespace softmetal
