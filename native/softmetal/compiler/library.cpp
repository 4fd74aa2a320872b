// Library and Pipeline: from source text to something that can be dispatched.
#include "../executor/runner.h"
#include "../include/softmetal/softmetal.h"
#include "cache.h"
#include "scanner.h"
#include "toolchain.h"

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>

namespace softmetal {

namespace {

// metal::__kernel<...>::call(&f<float>, arguments, lane);
std::string call_of(const Function& f) {
    std::string list;
    for (const Parameter& p : f.parameters) {
        std::string source = p.kind == Parameter::Kind::buffer        ? "buffer"
                             : p.kind == Parameter::Kind::threadgroup ? "threadgroup"
                                                                      : p.source;
        if (!list.empty()) list += ", ";
        list += "::metal::__parameter<::metal::__source::" + source + ", " +
                std::to_string(p.index) + ">";
    }
    return "::metal::__kernel<" + list + ">::call(&" + f.expression + ", a, l);";
}

std::string entry_point(const Function& f, const std::string& name) {
    return name + "(const softmetal_arguments* a, const softmetal_lane* l) { " + call_of(f) +
           " }\n";
}

// The macros that the scanner made function constants refer to.
std::string constant_macros(const std::vector<FunctionConstant>& constants,
                            const std::vector<ConstantValue>& values) {
    std::string out;
    for (const FunctionConstant& c : constants) {
        auto v = std::find_if(values.begin(), values.end(),
                              [&](const ConstantValue& x) { return x.index == c.index; });
        std::uint64_t words[2] = {0, 0};
        if (v != values.end()) __builtin_memcpy(words, v->bytes.data(), sizeof words);
        std::string n = "__CONSTANT_" + std::to_string(c.index);
        out += "#undef " + n + "__\n#undef " + n + "_DEFINED__\n";
        out += "#define " + n + "__ " + std::to_string(words[0]) + "ul, " +
               std::to_string(words[1]) + "ul\n";
        out += "#define " + n + "_DEFINED__ " + (v != values.end() ? "true" : "false") + "\n";
    }
    return out;
}

// Metal reports the errors of all functions when a library is made, so all are instantiated.
void check_all(const ScanResult& scan) {
    std::string text = constant_macros(scan.constants, {}) + scan.text +
                       "\n# 1 \"softmetal entry points\"\n";
    for (std::size_t i = 0; i < scan.functions.size(); i++)
        text += entry_point(scan.functions[i], "void __entry_" + std::to_string(i));
    check_syntax(text);
}

// Whether the preprocessor's output is a function of the source alone.
bool includes_files(std::string_view source, const CompileOptions& options) {
    return !options.include_directories.empty() || source.find("#include \"") != source.npos ||
           source.find("# include \"") != source.npos;
}

std::string cached_preprocess(std::string_view source, const CompileOptions& options) {
    if (includes_files(source, options)) return preprocess(source, options);
    std::string key = toolchain_key() + options.name;
    for (const auto& [name, value] : options.macros) key += name + '=' + value + '\n';
    key += source;
    return read_file(cached("source-" + content_hash(key) + ".ii", [&](const std::string& to) {
        write_file(to, strip_system_headers(preprocess(source, options)));
    }));
}

} // namespace

std::shared_ptr<const Library> Library::compile(std::string_view source,
                                                const CompileOptions& options) {
    Scanner scanner(cached_preprocess(source, options));
    ScanResult scan = scanner.scan();
    std::string key = content_hash(toolchain_key() + constant_macros(scan.constants, {}) +
                                   scan.text);
    cached("checked-" + key, [&](const std::string& to) {
        check_all(scan);
        write_file(to, "");
    });
    auto library = std::make_shared<Library>();
    library->text_ = std::move(scan.text);
    library->functions_ = std::move(scan.functions);
    library->constants_ = std::move(scan.constants);
    return library;
}

std::shared_ptr<const Library> Library::compile_file(const std::string& path,
                                                     CompileOptions options) {
    std::filesystem::path file(path);
    if (options.name == CompileOptions().name) options.name = file.filename().string();
    options.include_directories.insert(options.include_directories.begin(),
                                       file.has_parent_path() ? file.parent_path().string() : ".");
    return compile(read_file(path), options);
}

const Function* Library::find(std::string_view name) const {
    for (const Function& f : functions_)
        if (f.name == name) return &f;
    return nullptr;
}

std::shared_ptr<const Pipeline> Pipeline::create(std::shared_ptr<const Library> library,
                                                 const std::string& function,
                                                 const std::vector<ConstantValue>& constants,
                                                 const PipelineOptions& options) {
    const Function* f = library->find(function);
    if (!f)
        throw Error(Error::Kind::pipeline, "[pipeline] " + function +
                                               ": expected a function of the library, got none "
                                               "of that name");
    std::string text = constant_macros(library->constants_, constants) + library->text_;
    if (options.check) text += "\n#include <softmetal/check_hooks.h>";
    text += "\n# 1 \"softmetal entry point\"\n";
    text += "extern \"C\" __attribute__((visibility(\"default\"))) ";
    text += entry_point(*f, "void softmetal_entry");
    std::shared_ptr<Pipeline> p(new Pipeline);
    p->image_ = build_image(text, options);
    p->function_ = *f;
    p->checks_ = options.check;
    p->handle_ = dlopen(p->image_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!p->handle_)
        throw Error(Error::Kind::pipeline, "[pipeline] " + function + ": " + dlerror());
    auto** table = static_cast<const softmetal_runtime**>(dlsym(p->handle_, "softmetal_rt"));
    p->entry_ = dlsym(p->handle_, "softmetal_entry");
    if (!p->entry_)
        throw Error(Error::Kind::pipeline, "[pipeline] " + function + ": no entry point");
    if (table) *table = &Runner::runtime(); // absent when the kernel calls nothing
    return p;
}

Pipeline::~Pipeline() {
    if (handle_) dlclose(handle_);
}

} // namespace softmetal
