// Fibers: stacks and the switch between them. A fiber never leaves the processor thread that
// started it.
#pragma once

#include "../msl/softmetal/abi.h"

#include <cstddef>
#include <vector>

// Stores the callee-saved registers on the current stack, that stack's pointer in *save, and
// continues on the stack `to`, which was left by an earlier switch or made by StackPool::prepare.
extern "C" void softmetal_switch(void** save, void* to);

namespace softmetal {

// Stacks of SOFTMETAL_STACK_BYTES, aligned to their size. The lowest page holds the pointer to
// the lane that runs on the stack; the page above it is a guard.
class StackPool {
  public:
    StackPool() = default;
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;

    void* take();
    void give(void* stack) { free_.push_back(stack); }
    void give_all_back(); // also those of fibers that were abandoned half way

    // The stack pointer from which a switch calls `entry`, which must not return.
    static void* prepare(void* stack, void (*entry)());
    static void set_lane(void* stack, softmetal_lane* lane) {
        *static_cast<softmetal_lane**>(stack) = lane;
    }
    static bool contains(const void* stack, const void* address) {
        return static_cast<std::size_t>(static_cast<const char*>(address) -
                                        static_cast<const char*>(stack)) < SOFTMETAL_STACK_BYTES;
    }

  private:
    void grow();
    std::vector<void*> slabs_;
    std::vector<void*> all_;
    std::vector<void*> free_;
};

} // namespace softmetal
