// The argument structs of all kernels: the only definition, read by the Metal compiler, by a C
// compiler (offsets and sizes for the test of the C# copies) and by people. One header a family.
//
// The rules for a struct here: a `typedef struct Name { ... } Name;` without nesting; fields of
// type uint32_t, int32_t, uint64_t or float only, widest first, padding written out as `_pad`;
// no pointers, no vectors, no bool. Every field says its meaning and unit; `stride` counts
// elements, `bytes` counts bytes. The C# copy has the same name and the same field names in
// Pascal case (src/MetalMoe.Metal/Kernels/Args).
#ifndef MM_KERNEL_ARGS_H
#define MM_KERNEL_ARGS_H

#ifndef __METAL_VERSION__
#include <stdint.h>
#endif

#include "common/args/step.h"
#include "common/args/linear.h"
#include "common/args/moe.h"
#include "common/args/attention.h"
#include "common/args/gdn.h"
#include "common/args/sample.h"

#endif
