// How kernel code reaches the executor: its lane through the stack pointer, services through the
// table that the executor stores here when it loads the kernel.
#pragma once

extern "C" __attribute__((visibility("default"))) inline const softmetal_runtime* softmetal_rt =
    nullptr;

namespace metal {

METAL_FUNC softmetal_lane* __lane() {
    uintptr_t frame = uintptr_t(__builtin_frame_address(0));
    return *(softmetal_lane**)(frame & ~(SOFTMETAL_STACK_BYTES - 1));
}

// Memory of the threadgroup, the same for the same key in every thread. The key is the address of
// a static of the function that declares the variable: one per template instance.
METAL_FUNC void* __threadgroup_variable(const void* key, size_t bytes, size_t alignment) {
    return softmetal_rt->threadgroup_variable(__lane(), key, bytes, alignment);
}

// As a default argument this is the place of the call in the Metal source.
METAL_FUNC constexpr softmetal_site __here(const char* file = __builtin_FILE(),
                                           unsigned line = __builtin_LINE()) {
    return softmetal_site{file, line};
}

} // namespace metal
