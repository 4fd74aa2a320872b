// The software Metal's classes where the shim's own validation never lets a mistake through.
#include "metal_misuse.h"
#include "shim_fixture.h"

#include <cstdlib>
#include <sys/mman.h>
#include <utility>

TEST(metal_classes_stop_misuse) {
    const std::pair<metal_misuse, const char*> cases[] = {
        {METAL_TOO_MANY_BYTES, "setBytes: length 4097, allowed are 1 to 4096"},
        {METAL_BUFFER_INDEX, "index 31, the last is 30"},
        {METAL_BUFFER_OFFSET, "offset 64 in a buffer of 64 bytes"},
        {METAL_OFFSET_WITHOUT_BUFFER, "no buffer at index 3"},
        {METAL_THREADGROUP_MULTIPLE, "24, allowed are multiples of 16"},
        {METAL_THREADGROUP_MEMORY, "32784, allowed are multiples of 16 up to 32768"},
        {METAL_NO_PIPELINE, "dispatch without a pipeline"},
        {METAL_TOO_MANY_THREADS, "1025 threads per threadgroup"},
        {METAL_EMPTY_GRID, "over an empty grid"},
        {METAL_SECOND_ENCODER, "a new encoder before the one before has ended"},
        {METAL_COMMIT_OPEN, "commit with an encoder that has not ended"},
        {METAL_COMMIT_TWICE, "commit twice"},
        {METAL_ENCODE_AFTER_END, "encoding after endEncoding"},
        {METAL_WAIT_BEFORE_COMMIT, "waitUntilCompleted before commit"},
        {METAL_UNALIGNED_MEMORY, "not multiples of the page size"},
    };
    mm_object_counts before = shim::counts();
    for (const auto& [which, expected] : cases) {
        char* text = metal_misuse_text(which);
        std::string got = text ? text : "no exception";
        std::free(text);
        CHECK_CONTAINS(got, expected);
    }
    CHECK(shim::settles(before));
}

TEST(metal_classes_complete_handlers_first) {
    CHECK_EQUAL(metal_handler_runs_before_the_wait_returns(), 3);
}

TEST(metal_classes_call_the_deallocator) {
    const unsigned long bytes = 65536;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK_EQUAL(metal_deallocated_bytes(memory, bytes), bytes);
    munmap(memory, bytes);
}

TEST(metal_classes_keep_a_residency_set) { CHECK_EQUAL(metal_residency_counts(), 1); }
