// The contract between a compiled kernel and the executor. Both sides include this file: the
// kernel with no standard library at all, so it uses built-in types only.
#pragma once

#define SOFTMETAL_ABI 1
#define SOFTMETAL_LANES 32
#define SOFTMETAL_BINDINGS 31
// Stacks are this large and aligned to it, so that a kernel finds its lane from its stack
// pointer. A kernel therefore imports no symbol and needs no thread-local storage.
#define SOFTMETAL_STACK_BYTES (256ul << 10)

extern "C" {

struct softmetal_site {
    const char* file;
    unsigned line;
};

struct softmetal_group;

struct softmetal_lane {
    softmetal_group* group;
    unsigned index;             // thread_index_in_simdgroup
    unsigned thread;            // thread_index_in_threadgroup
    unsigned in_threadgroup[3]; // thread_position_in_threadgroup
    unsigned in_grid[3];        // thread_position_in_grid
    void* stack_pointer;        // where a suspended lane goes on
    void* stack;                // null before the first instruction
    softmetal_site site;        // the operation the lane waits in
    unsigned fence;             // mem_flags of the barrier it waits in
};

struct softmetal_group {
    unsigned index;      // simdgroup_index_in_threadgroup
    unsigned live;       // lanes that have not returned
    unsigned arrived;    // lanes waiting in a SIMD operation
    unsigned at_barrier; // lanes waiting in a threadgroup barrier
    // Operations alternate between two sets of slots: a fast lane may deposit for the next
    // operation while a slow one still reads this one's values, but never for the one after.
    unsigned generation;
    unsigned mask[2];        // lanes that took part
    unsigned char ready[2];  // the reduction is in result[]
    alignas(64) unsigned char slot[2][SOFTMETAL_LANES][32];
    alignas(64) unsigned char result[2][32];
    alignas(64) float left[2][64]; // operands of an 8x8 matrix product
    alignas(64) float right[2][64];
    softmetal_lane lanes[SOFTMETAL_LANES];
};

struct softmetal_arguments {
    void* buffer[SOFTMETAL_BINDINGS];
    void* threadgroup[SOFTMETAL_BINDINGS];
    unsigned threadgroup_position[3];
    unsigned threads_per_threadgroup[3];          // of this threadgroup: smaller at a ragged edge
    unsigned dispatch_threads_per_threadgroup[3]; // as dispatched
    unsigned threadgroups_per_grid[3];
    unsigned threads_per_grid[3];
    unsigned simdgroups;
    unsigned dispatch_simdgroups;
};

enum { softmetal_read = 1, softmetal_write = 2, softmetal_atomic = 4 };

struct softmetal_runtime {
    unsigned abi;
    // Parks the lane until every lane of its SIMD-group has arrived.
    void (*simd_wait)(softmetal_lane*, const softmetal_site*);
    void (*barrier)(softmetal_lane*, unsigned fence, const softmetal_site*);
    // A SIMD operation read the value of a lane that took no part: undefined in Metal.
    void (*inactive_lane)(softmetal_lane*, unsigned lane, const softmetal_site*);
    void* (*threadgroup_variable)(softmetal_lane*, const void* key, unsigned long bytes,
                                  unsigned long alignment);
    // Called before each memory access, in kernels built for checking only.
    void (*access)(softmetal_lane*, const void*, unsigned long bytes, unsigned kind,
                   const void* code);
};

typedef void (*softmetal_entry_point)(const softmetal_arguments*, const softmetal_lane*);
}
