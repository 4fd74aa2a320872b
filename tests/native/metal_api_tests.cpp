// The headers in native/softmetal/metal/include stand in for Apple's. Every selector with its
// types and every enumerator that they declare is looked up in data/metal-api.tsv, which lists
// the same for the macOS 26 SDK.
#include "harness.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace {

using Facts = std::map<std::string, std::string>; // "kind class name" to types or value

std::string read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
        text.replace(at, from.size(), to);
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// A type without qualifiers, spaces and the Objective-C way to write a protocol's object.
std::string plain_type(std::string type) {
    replace_all(type, "const ", "");
    std::string out;
    for (char c : type)
        if (!std::isspace(static_cast<unsigned char>(c))) out += c;
    if (out.rfind("id<", 0) == 0) {
        replace_all(out, "id<", "");
        replace_all(out, ">", "*");
    }
    if (out == "id") return "NSObject*";
    if (out == "BOOL") return "bool";
    return out;
}

// "const NSString* name" or "void (^block)(void*)" without the name.
std::string without_name(std::string parameter) {
    std::size_t caret = parameter.find('^');
    std::size_t end = caret == parameter.npos ? parameter.size() : parameter.find(')', caret);
    std::size_t begin = end;
    while (begin > 0 && is_word(parameter[begin - 1])) begin--;
    return parameter.erase(begin, end - begin);
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (char c : text) {
        depth += (c == '(') - (c == ')');
        if (c == separator && depth == 0) parts.emplace_back();
        else parts.back() += c;
    }
    return parts;
}

// "1 << 4" or "16".
std::string plain_value(const std::string& text) {
    std::size_t shift = text.find("<<");
    long long value = std::stoll(text);
    if (shift != text.npos) value <<= std::stoll(text.substr(shift + 2));
    return std::to_string(value);
}

// "void (const NSString* label)" as the test compares it: "void(NSString*)".
std::string plain_signature(const std::string& text) {
    std::size_t open = text.find(" (");
    std::string out = plain_type(text.substr(0, open)) + "(";
    std::string inside = text.substr(open + 2, text.rfind(')') - open - 2);
    bool first = true;
    for (const std::string& parameter : split(inside, ',')) {
        if (parameter.empty()) continue;
        out += (first ? "" : ",") + plain_type(without_name(parameter));
        first = false;
    }
    return out + ")";
}

Facts read_facts() {
    Facts facts;
    std::istringstream lines(read(harness::data("data/metal-api.tsv")));
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> cells = split(line, '\t');
        if (line.empty() || line[0] == '#' || cells.size() != 4) continue;
        facts[cells[0] + " " + cells[1] + " " + cells[2]] =
            cells[0] == "enum" ? plain_value(cells[3]) : plain_signature(cells[3]);
    }
    return facts;
}

std::string trimmed(const std::string& text) {
    std::size_t a = text.find_first_not_of(" \n\t"), b = text.find_last_not_of(" \n\t");
    return a == text.npos ? "" : text.substr(a, b - a + 1);
}

// Reads the declarations of one header.
class Reader {
  public:
    explicit Reader(const std::string& text) : text_(text) {
        for (std::size_t at; (at = text_.find("//")) != text_.npos;)
            text_.erase(at, text_.find('\n', at) - at);
        enumerations("typedef NS_ENUM(");
        enumerations("typedef NS_OPTIONS(");
        classes("@protocol ");
        classes("@interface ");
    }
    const Facts& found() const { return found_; }

  private:
    void enumerations(const std::string& keyword) {
        for (std::size_t at = 0; (at = text_.find(keyword, at)) != text_.npos; at++) {
            std::size_t open = text_.find('{', at), close = text_.find('}', open);
            std::string head = text_.substr(at, open - at);
            std::string name = trimmed(head.substr(head.find(',') + 1, head.find(')') -
                                                                           head.find(',') - 1));
            for (const std::string& row : split(text_.substr(open + 1, close - open - 1), ',')) {
                std::size_t equals = row.find('=');
                if (equals == row.npos) continue;
                found_["enum " + name + " " + trimmed(row.substr(0, equals))] =
                    plain_value(row.substr(equals + 1));
            }
        }
    }

    void classes(const std::string& keyword) {
        for (std::size_t at = 0; (at = text_.find(keyword, at)) != text_.npos; at++) {
            std::size_t line_end = text_.find('\n', at);
            if (text_.substr(at, line_end - at).back() == ';') continue; // forward
            std::size_t begin = at + keyword.size(), end = begin;
            while (is_word(text_[end])) end++;
            std::string name = text_.substr(begin, end - begin);
            std::string body = text_.substr(line_end, text_.find("\n@end", at) - line_end);
            if (text_[line_end - 1] == '{') body.erase(0, body.find('}') + 1); // variables
            for (const std::string& part : split(body, ';')) declaration(name, trimmed(part));
        }
    }

    void declaration(const std::string& owner, const std::string& text) {
        if (text.rfind("@property", 0) == 0) property(owner, text);
        else if (text.rfind("- (", 0) == 0 || text.rfind("+ (", 0) == 0) method(owner, text);
        else CHECK(text.empty());
    }

    void property(const std::string& owner, const std::string& text) {
        std::size_t close = text.find(')');
        std::string attributes = text.substr(0, close), rest = text.substr(close + 1);
        std::size_t begin = rest.size();
        while (is_word(rest[begin - 1])) begin--;
        std::string name = rest.substr(begin), type = plain_type(rest.substr(0, begin));
        found_["method " + owner + " " + name] = type + "()";
        if (attributes.find("readonly") != attributes.npos) return;
        std::string setter = "set" + name;
        setter[3] = char(std::toupper(setter[3]));
        found_["method " + owner + " " + setter + ":"] = "void(" + type + ")";
    }

    void method(const std::string& owner, const std::string& text) {
        std::string selector, types;
        std::size_t at = 2;
        std::string result = plain_type(parenthesised(text, at));
        while (at < text.size()) {
            std::size_t open = text.find('(', at);
            selector += trimmed(text.substr(at, open == text.npos ? open : open - at));
            if (open == text.npos) break;
            at = open;
            types += (types.empty() ? "" : ",") + plain_type(parenthesised(text, at));
            while (at < text.size() && is_word(text[at])) at++; // the parameter's name
            at = std::min(text.find_first_not_of(" \n", at), text.size());
        }
        found_["method " + owner + " " + selector] = result + "(" + types + ")";
    }

    static std::string parenthesised(const std::string& text, std::size_t& at) {
        std::size_t begin = at + 1;
        int depth = 0;
        do depth += (text[at] == '(') - (text[at] == ')');
        while (++at < text.size() && depth);
        return text.substr(begin, at - begin - 1);
    }

    std::string text_;
    Facts found_;
};

// What a header declares that the SDK does not have, or has otherwise.
std::vector<std::string> differences(const Facts& declared, const Facts& facts) {
    std::vector<std::string> out;
    for (const auto& [name, value] : declared) {
        auto fact = facts.find(name);
        if (fact == facts.end()) out.push_back(name + ": not in the SDK");
        else if (fact->second != value)
            out.push_back(name + ": expected " + fact->second + ", got " + value);
    }
    return out;
}

} // namespace

TEST(metal_api_every_declaration_is_apples) {
    Facts facts = read_facts(), all;
    std::string folder =
        harness::data("../../native/softmetal/metal/include/Metal");
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        Reader reader(read(entry.path()));
        for (const std::string& difference : differences(reader.found(), facts))
            harness::fail(__FILE__, __LINE__, difference);
        all.insert(reader.found().begin(), reader.found().end());
    }
    CHECK(all.size() > 180);
    // And the table holds no row that nobody needs any more.
    for (const auto& row : facts)
        if (!all.count(row.first)) harness::fail(__FILE__, __LINE__, row.first + ": not declared");
}

TEST(metal_api_comparison_notices_mistakes) {
    Facts facts = read_facts();
    auto problem = [&](const std::string& header) {
        std::vector<std::string> found = differences(Reader(header).found(), facts);
        return found.size() == 1 ? found[0] : std::to_string(found.size()) + " differences";
    };
    CHECK_CONTAINS(problem("@protocol MTLBuffer <MTLResource>\n- (int)contents;\n@end\n"),
                   "expected void*(), got int()");
    CHECK_CONTAINS(problem("@protocol MTLBuffer <MTLResource>\n- (void *)content;\n@end\n"),
                   "method MTLBuffer content: not in the SDK");
    CHECK_CONTAINS(problem("typedef NS_ENUM(NSUInteger, MTLDataType) {\n"
                           "    MTLDataTypeInt = 30,\n};\n"),
                   "expected 29, got 30");
    CHECK_CONTAINS(problem("@protocol MTLSharedEvent <MTLEvent>\n- (BOOL)waitUntilSignaledValue:"
                           "(uint64_t)value\n    timeoutMS:(NSUInteger)milliseconds;\n@end\n"),
                   "expected bool(uint64_t,uint64_t), got bool(uint64_t,NSUInteger)");
}
