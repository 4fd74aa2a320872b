// Turns preprocessed Metal source into C++ that clang compiles, and finds out what kernels and
// function constants it has. Works on tokens: clang drops the attributes it does not know, so the
// text is the only place that has them.
//
// What changes: address spaces go; attributes go; a `threadgroup` variable becomes a reference
// into the threadgroup's memory; a function constant becomes a constant whose value is a macro;
// explicit instantiations of kernels go, since the generated entry point names the instance it
// wants; member functions that differ by address space only are reduced to one.
#pragma once

#include "../include/softmetal/softmetal.h"
#include "lexer.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace softmetal {

struct ScanResult {
    std::string text;
    std::vector<Function> functions;
    std::vector<FunctionConstant> constants;
};

class Scanner {
  public:
    explicit Scanner(std::string_view preprocessed);
    ScanResult scan(); // throws Error with file and line

  private:
    struct Scope {
        enum class Kind { name_space, type, function } kind;
        std::string name;
        std::set<std::string> members; // signatures seen, for a type
    };
    struct Edit {
        std::size_t begin, end;
        std::string with;
    };
    struct Attribute {
        std::string name;
        std::string argument;
    };
    struct Instance {
        std::string host_name, kernel, expression;
    };

    std::string_view at(std::size_t token) const;
    bool is(std::size_t token, std::string_view text) const { return at(token) == text; }
    std::string between(std::size_t first, std::size_t last) const; // tokens, blank-separated
    std::size_t closing(std::size_t open) const;
    std::size_t end_of_attribute(std::size_t open) const;
    std::vector<Attribute> attributes(std::size_t open) const;
    std::size_t statement_begin(std::size_t token) const;
    [[noreturn]] void fail(std::size_t token, const std::string& text) const;
    unsigned evaluate(std::size_t token, const std::string& expression) const;

    void replace(std::size_t first, std::size_t last, std::string with); // tokens [first, last)
    std::string apply_edits();

    bool is_bare_float(std::size_t token) const;
    void open_brace(std::size_t token);
    std::size_t step(std::size_t token); // handles one token, returns the next
    std::size_t word(std::size_t token);
    std::size_t constant(std::size_t token);
    std::size_t threadgroup(std::size_t token);
    bool member_qualifier(std::size_t token, std::size_t& next);
    std::size_t kernel(std::size_t token);
    std::size_t instantiation(std::size_t begin, std::size_t token, std::string host_name);
    std::size_t definition(std::size_t token, bool is_template, std::string host_name);
    Parameter parameter(std::size_t first, std::size_t last) const;
    void number_bindings(std::vector<Parameter>& parameters,
                         const std::vector<bool>& numbered) const;
    std::string qualified(std::string_view name) const;

    std::string text_;
    std::vector<Token> tokens_;
    std::vector<Edit> edits_;
    std::vector<Scope> scopes_;
    std::map<std::string, std::vector<Parameter>> kernels_;
    std::vector<Instance> instances_;
    ScanResult result_;
};

} // namespace softmetal
