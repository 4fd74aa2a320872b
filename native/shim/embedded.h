// The shaders' texts as the build puts them into the library.
#pragma once

#include <stdint.h>

typedef struct mm_embedded {
    const char *name;
    const char *text; // a zero follows
    uint64_t bytes;
} mm_embedded;

extern const mm_embedded mm_embedded_files[]; // ends with a null name
