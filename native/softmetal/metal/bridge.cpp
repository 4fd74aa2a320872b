#include "bridge.h"

#include <softmetal/softmetal.h>

#include <cstring>

static_assert(sm_bindings == softmetal::max_bindings);

struct sm_library {
    std::shared_ptr<const softmetal::Library> value;
};

struct sm_pipeline {
    std::shared_ptr<const softmetal::Pipeline> value;
};

namespace {

// Runs `body`; an exception becomes its text and the result `failure`.
template <class Body, class Result> Result guarded(char** error, Result failure, Body body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        *error = strdup("[softmetal] out of memory");
    } catch (const std::exception& e) {
        *error = strdup(e.what());
    }
    return failure;
}

softmetal::Size size(const unsigned (&values)[3]) { return {values[0], values[1], values[2]}; }

softmetal::Dispatch translated(const sm_dispatch& from) {
    softmetal::Dispatch to;
    for (unsigned i = 0; i < sm_bindings; i++) {
        const sm_range& b = from.buffers[i];
        to.buffers[i] = {b.data, b.bytes, b.written};
        to.threadgroup_bytes[i] = from.threadgroup_bytes[i];
    }
    to.threads = size(from.threads);
    (from.exact ? to.grid : to.threadgroups) = size(from.grid);
    to.exact = from.exact;
    to.shuffle = from.shuffle;
    return to;
}

void translate(const softmetal::Counters& from, sm_counters& to) {
    to.threads = from.threads;
    to.barriers = from.barriers;
    to.simd_operations = from.simd_operations;
    to.threadgroup_bytes = from.threadgroup_bytes;
    for (unsigned i = 0; i < sm_bindings; i++) {
        const softmetal::Traffic& t = from.traffic[i];
        to.traffic[i] = {t.bytes_read, t.bytes_written, t.unique_bytes_read,
                         t.unique_bytes_written};
    }
}

} // namespace

bool sm_available(char** error) {
    return guarded(error, false, [] { return !softmetal::toolchain_path().empty(); });
}

sm_library* sm_library_compile(const char* source, size_t bytes, const sm_macro* macros,
                               size_t macro_count, char** error) {
    return guarded(error, static_cast<sm_library*>(nullptr), [&] {
        softmetal::CompileOptions options;
        for (size_t i = 0; i < macro_count; i++)
            options.macros.emplace_back(macros[i].name, macros[i].value);
        return new sm_library{softmetal::Library::compile({source, bytes}, options)};
    });
}

void sm_library_free(sm_library* library) { delete library; }

size_t sm_library_function_count(const sm_library* library) {
    return library->value->functions().size();
}

const char* sm_library_function_name(const sm_library* library, size_t index) {
    return library->value->functions()[index].name.c_str();
}

bool sm_library_has_function(const sm_library* library, const char* name) {
    return library->value->find(name) != nullptr;
}

const char* sm_library_constant_type(const sm_library* library, unsigned index) {
    for (const softmetal::FunctionConstant& c : library->value->constants())
        if (c.index == index) return c.type.c_str();
    return nullptr;
}

sm_pipeline* sm_pipeline_create(const sm_library* library, const char* function,
                                const sm_constant* constants, size_t constant_count, bool check,
                                char** error) {
    return guarded(error, static_cast<sm_pipeline*>(nullptr), [&] {
        std::vector<softmetal::ConstantValue> values(constant_count);
        for (size_t i = 0; i < constant_count; i++) {
            values[i].index = constants[i].index;
            std::memcpy(values[i].bytes.data(), constants[i].bytes, sizeof constants[i].bytes);
        }
        softmetal::PipelineOptions options;
        options.check = check;
        return new sm_pipeline{
            softmetal::Pipeline::create(library->value, function, values, options)};
    });
}

void sm_pipeline_free(sm_pipeline* pipeline) { delete pipeline; }

sm_access sm_pipeline_access(const sm_pipeline* pipeline, unsigned index) {
    for (const softmetal::Parameter& p : pipeline->value->function().parameters)
        if (p.kind == softmetal::Parameter::Kind::buffer && p.index == index)
            return p.constant ? sm_reads : sm_writes;
    return sm_unused;
}

bool sm_pipeline_dispatch(const sm_pipeline* pipeline, const sm_dispatch* dispatch,
                          sm_counters* counters, char** error) {
    return guarded(error, false, [&] {
        translate(pipeline->value->dispatch(translated(*dispatch)), *counters);
        return true;
    });
}
