#include "fiber.h"

#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ // gcc's way to say it
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) (void)0
#endif

#if defined(__x86_64__)
asm(R"(
    .text
    .globl softmetal_switch
    .type softmetal_switch, @function
softmetal_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size softmetal_switch, . - softmetal_switch
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl softmetal_switch
    .type softmetal_switch, %function
softmetal_switch:
    sub sp, sp, #160
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size softmetal_switch, . - softmetal_switch
)");
#else
#error "softmetal: the context switch is written for x86-64 and aarch64"
#endif

namespace softmetal {

namespace {
constexpr std::size_t stacks_per_slab = 32;
constexpr std::size_t slab_bytes = stacks_per_slab * SOFTMETAL_STACK_BYTES;
} // namespace

StackPool::~StackPool() {
    for (void* slab : slabs_) munmap(slab, slab_bytes + SOFTMETAL_STACK_BYTES);
}

void StackPool::grow() {
    void* slab = mmap(nullptr, slab_bytes + SOFTMETAL_STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) throw std::bad_alloc();
    slabs_.push_back(slab);
    auto aligned = (reinterpret_cast<std::uintptr_t>(slab) + SOFTMETAL_STACK_BYTES - 1) &
                   ~(SOFTMETAL_STACK_BYTES - 1);
    auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    for (std::size_t i = 0; i < stacks_per_slab; i++) {
        char* stack = reinterpret_cast<char*>(aligned + i * SOFTMETAL_STACK_BYTES);
        mprotect(stack + page, page, PROT_NONE);
        all_.push_back(stack);
        free_.push_back(stack);
    }
}

void* StackPool::take() {
    if (free_.empty()) grow();
    void* stack = free_.back();
    free_.pop_back();
    return stack;
}

void StackPool::give_all_back() { free_ = all_; }

void* StackPool::prepare(void* stack, void (*entry)()) {
    // Frames of an abandoned fiber never return and leave their red zones behind.
    ASAN_UNPOISON_MEMORY_REGION(stack, SOFTMETAL_STACK_BYTES);
    auto* top = reinterpret_cast<std::uint64_t*>(static_cast<char*>(stack) + SOFTMETAL_STACK_BYTES);
#if defined(__x86_64__)
    *--top = 0; // the return address that `entry` will never use, which also aligns the stack
    *--top = reinterpret_cast<std::uint64_t>(entry);
    for (int i = 0; i < 6; i++) *--top = 0;
#else
    for (int i = 0; i < 20; i++) *--top = 0;
    top[11] = reinterpret_cast<std::uint64_t>(entry); // x30
#endif
    return top;
}

} // namespace softmetal
