// The part of the scanner that reads kernel functions: their parameters, and the instances of
// kernel templates that a source gives names to.
#include "scanner.h"

#include <algorithm>

namespace softmetal {

namespace {

struct Builtin {
    std::string_view attribute, source;
};
constexpr Builtin builtins[] = {
    {"thread_position_in_grid", "position_in_grid"},
    {"thread_position_in_threadgroup", "position_in_threadgroup"},
    {"threadgroup_position_in_grid", "threadgroup_position"},
    {"threads_per_threadgroup", "threads_per_threadgroup"},
    {"dispatch_threads_per_threadgroup", "dispatch_threads_per_threadgroup"},
    {"threadgroups_per_grid", "threadgroups_per_grid"},
    {"threads_per_grid", "threads_per_grid"},
    {"grid_size", "threads_per_grid"},
    {"grid_origin", "grid_origin"},
    {"thread_index_in_threadgroup", "thread_index"},
    {"thread_index_in_simdgroup", "lane_index"},
    {"simdgroup_index_in_threadgroup", "simdgroup_index"},
    {"simdgroups_per_threadgroup", "simdgroups"},
    {"dispatch_simdgroups_per_threadgroup", "dispatch_simdgroups"},
    {"threads_per_simdgroup", "simdgroup_width"},
    {"thread_execution_width", "simdgroup_width"},
    {"quadgroup_index_in_threadgroup", "quad_index"},
    {"thread_index_in_quadgroup", "quad_lane"},
    {"quadgroups_per_threadgroup", "quads"},
};

// The text of string literals, several in a row joined as the compiler joins them (macros make
// names like "f_" "32").
std::string unquoted(const std::string& text) {
    std::string out;
    std::size_t open = text.find('"');
    while (open != std::string::npos) {
        std::size_t close = text.find('"', open + 1);
        if (close == std::string::npos) break;
        out += text.substr(open + 1, close - open - 1);
        open = text.find('"', close + 1);
    }
    return out.empty() ? text : out;
}

} // namespace

// `token` is the keyword or the attribute. Reads what stands before it to tell a definition, a
// template and an explicit instantiation apart.
std::size_t Scanner::kernel(std::size_t token) {
    std::size_t begin = statement_begin(token);
    std::string host_name;
    bool is_template = false, instance = false;
    auto note_host_name = [&](std::size_t open) {
        for (const Attribute& a : attributes(open))
            if (a.name == "host_name") host_name = unquoted(a.argument);
    };
    for (std::size_t i = begin; i < token; i++) {
        if (is(i, "template")) (is(i + 1, "<") ? is_template : instance) = true;
        if (is(i, "[[")) note_host_name(i);
    }
    std::size_t next = is(token, "[[") ? end_of_attribute(token) : token + 1;
    if (is(token, "[[")) note_host_name(token);
    while (is(next, "[[")) {
        note_host_name(next);
        next = end_of_attribute(next);
    }
    if (instance) return instantiation(begin, next, host_name);
    replace(token, next, "static ");
    return definition(next, is_template, host_name);
}

// template [[host_name("f_float")]] kernel f_t f<float>(...);
std::size_t Scanner::instantiation(std::size_t begin, std::size_t token, std::string host_name) {
    std::size_t end = token;
    while (end < tokens_.size() && !is(end, ";")) end++;
    std::size_t last = end; // behind the template-id
    if (is(last - 1, ")")) {
        int depth = 0;
        do {
            last--;
            depth += is(last, ")") - is(last, "(");
        } while (last > token && depth);
    }
    std::size_t name = last - 1;
    if (is(name, ">")) {
        int angles = 0, parentheses = 0;
        for (;; name--) {
            parentheses += is(name, ")") - is(name, "(");
            if (parentheses == 0) angles += is(name, ">") - is(name, "<");
            if (angles == 0 || name <= token) break;
        }
        name--;
    }
    std::string kernel_name(at(name));
    while (name > token + 1 && is(name - 1, "::")) name -= 2;
    std::string expression;
    for (std::size_t i = name; i < last; i++)
        expression += (i > name ? " " : "") + std::string(at(i));
    if (host_name.empty()) host_name = kernel_name;
    instances_.push_back({host_name, kernel_name, qualified(expression)});
    replace(begin, end + 1, "");
    return end + 1;
}

std::size_t Scanner::definition(std::size_t token, bool is_template, std::string host_name) {
    std::size_t open = token;
    while (open < tokens_.size() && !is(open, "(")) {
        if (is(open, ";") || is(open, "{")) fail(token, "expected a kernel function");
        open = is(open, "[[") ? end_of_attribute(open) : open + 1;
    }
    std::string name(at(open - 1));
    std::size_t close = closing(open);
    std::vector<Parameter> parameters;
    std::vector<bool> numbered;
    std::size_t first = open + 1;
    for (std::size_t i = first, angles = 0; i <= close && close > open + 1; i++) {
        std::string_view t = at(i);
        if (i == close || (t == "," && angles == 0)) {
            parameters.push_back(parameter(first, i));
            bool has_index = false;
            for (std::size_t k = first; k < i; k++)
                if (is(k, "[["))
                    for (const Attribute& a : attributes(k))
                        has_index |= a.name == "buffer" || a.name == "threadgroup";
            numbered.push_back(has_index);
            first = i + 1;
        }
        if (t == "(" || t == "[" || t == "[[") i = closing(i);
        angles += t == "<";
        angles -= t == ">";
    }
    number_bindings(parameters, numbered);
    bool declared_before = kernels_.count(name) != 0;
    kernels_[name] = parameters;
    if (!is_template && !declared_before)
        result_.functions.push_back(
            {host_name.empty() ? name : host_name, qualified(name), std::move(parameters)});
    return token;
}

Parameter Scanner::parameter(std::size_t first, std::size_t last) const {
    Parameter p;
    bool known = false, in_threadgroup = false, in_device = false;
    for (std::size_t i = first; i < last; i++) {
        std::string_view t = at(i);
        if (t == "[[") {
            for (const Attribute& a : attributes(i)) {
                if (a.name == "buffer" || a.name == "threadgroup") {
                    p.kind = a.name == "buffer" ? Parameter::Kind::buffer
                                                : Parameter::Kind::threadgroup;
                    p.index = evaluate(i, a.argument);
                    if (p.index >= max_bindings)
                        fail(i, "expected an index below 31, got " + std::to_string(p.index));
                    known = true;
                } else if (a.name == "function_constant") {
                    p.optional = true;
                } else {
                    auto b = std::find_if(std::begin(builtins), std::end(builtins),
                                          [&](const Builtin& x) { return x.attribute == a.name; });
                    if (b == std::end(builtins)) {
                        if (a.name == "maybe_unused") continue;
                        fail(i, "the attribute '" + a.name + "' is not supported here");
                    }
                    p.source = b->source;
                    known = true;
                }
            }
            i = end_of_attribute(i) - 1;
            continue;
        }
        if (t == "threadgroup") in_threadgroup = true;
        else if (t == "device") in_device = true;
        else if (t == "constant") in_device = p.constant = true;
        else {
            if (t == "const" && (in_device || is(i + 1, "device"))) p.constant = true;
            if (tokens_[i].kind == Token::Kind::identifier) p.name = t;
            p.type += (p.type.empty() ? "" : " ") + std::string(t);
        }
    }
    if (is(first, "const") && in_device) p.constant = true;
    if (!p.name.empty() && p.type.size() > p.name.size())
        p.type.resize(p.type.size() - p.name.size() - 1);
    if (!known) {
        if (!in_threadgroup && !in_device)
            fail(first, "the kernel's parameter '" + p.name + "' has no attribute");
        p.kind = in_threadgroup ? Parameter::Kind::threadgroup : Parameter::Kind::buffer;
    }
    return p;
}

// Parameters without an index take the free ones in order.
void Scanner::number_bindings(std::vector<Parameter>& parameters,
                              const std::vector<bool>& numbered) const {
    for (std::size_t i = 0; i < parameters.size(); i++) {
        Parameter& p = parameters[i];
        if (numbered[i] || p.kind == Parameter::Kind::builtin) continue;
        auto taken = [&](unsigned index) {
            for (std::size_t k = 0; k < parameters.size(); k++)
                if ((numbered[k] || k < i) && parameters[k].kind == p.kind &&
                    parameters[k].index == index)
                    return true;
            return false;
        };
        p.index = 0;
        while (taken(p.index)) p.index++;
    }
}

} // namespace softmetal
