// The router: logits of all experts, the choice of a few, and the gate of the shared expert.
#include <metal_stdlib>
using namespace metal;

#include "common/kernel_args.h"
#include "common/matvec.h"
#include "common/router.h"

constant bool fused_norm [[function_constant(4)]];      // the input is RMS-normed on the way
constant bool has_shared_gate [[function_constant(5)]]; // the router has the shared gate's row

// Both kernels see the shared gate as one more row of the router, number E.
#define ROUTE_BINDINGS \
    constant RouteArgs &args [[buffer(0)]], constant StepParams &step [[buffer(1)]], \
    device const float *input [[buffer(2)]], \
    device const float *gamma [[buffer(3), function_constant(fused_norm)]], \
    device const uchar *router [[buffer(4)]], \
    device const uchar *shared_gate [[buffer(5), function_constant(has_shared_gate)]], \
    device float *logits [[buffer(6)]], \
    device float *shared_scale [[buffer(7), function_constant(has_shared_gate)]]

METAL_FUNC uint router_rows(constant RouteArgs& args) {
    return args.experts + (has_shared_gate ? 1 : 0);
}

// Logits of `Rows` rows from first_row for `Tokens` tokens from first_token.
template <ushort Rows, ushort Tokens>
METAL_FUNC void route_rows(constant RouteArgs& args, uint count, device const float* input,
                           device const float* gamma, device const uchar* router,
                           device const uchar* shared_gate, device float* logits,
                           device float* shared_scale, uint first_row, uint first_token,
                           uint lane) {
    uint last_row = router_rows(args) - 1;
    WeightRows<Rows> weights;
    for (ushort r = 0; r < Rows; r++) {
        uint row = min(first_row + r, last_row);
        weights.row[r] = router + ulong(min(row, args.experts - 1)) * (4 * args.columns);
        if (has_shared_gate && row == args.experts) weights.row[r] = shared_gate;
    }
    InputRows<Tokens> inputs;
    for (ushort t = 0; t < Tokens; t++)
        inputs.row[t] = input + ulong(min(first_token + t, count - 1)) * args.columns;
    Sums<Rows, Tokens> sums;
    sums.clear();
    add_rows<F32>(sums, weights, inputs, fused_norm, gamma, args.columns, lane);
    finish(sums, fused_norm, args.columns, args.epsilon);
    for (ushort t = 0; t < Tokens; t++) {
        for (ushort r = 0; r < Rows; r++) {
            uint row = first_row + r, token = first_token + t;
            bool stored = lane == 0 && row <= last_row && token < count;
            if (stored && row < args.experts)
                logits[ulong(token) * args.experts + row] = sums.dot[r][t];
            if (has_shared_gate && stored && row == args.experts)
                shared_scale[token] = sigmoid(sums.dot[r][t]);
        }
    }
}

// route_logits: for few tokens; gate_up_matvec then chooses.
//
// Computes  logits[t, e] = router_e . x[t], shared_scale[t] = sigmoid(shared_gate . x[t]); x as in
//           linear_matvec.
// Shapes    input [T, D], router [E, D], shared_gate [D], logits [T, E], shared_scale [T].
// Grid      x: E rows (and one for the shared gate), one a SIMD-group; y: T.
// Numerics  float32.
// Bytes     router and shared gate once a token.
kernel void route_logits(ROUTE_BINDINGS, uint2 group [[threadgroup_position_in_grid]],
                         uint simdgroup [[simdgroup_index_in_threadgroup]],
                         uint simdgroups [[simdgroups_per_threadgroup]],
                         uint lane [[thread_index_in_simdgroup]]) {
    device const float* scales = input;
    if (fused_norm) scales = gamma;
    device const uchar* last = router;
    if (has_shared_gate) last = shared_gate;
    device float* shared_to = logits;
    if (has_shared_gate) shared_to = shared_scale;
    route_rows<1, 1>(args, step.token_count, input, scales, router, last, logits, shared_to,
                     group.x * simdgroups + simdgroup, group.y, lane);
}

// route: the whole router in one launch.
//
// Computes  logits and shared_scale as above, then ids[t] = the A experts with the largest
//           logits, largest first, the lower id first on a tie, and weights[t] = softmax of their
//           logits * scale.
// Shapes    as above; ids, weights [T, A]; logits is scratch.
// Grid      a threadgroup for 4 tokens; 4 to 32 SIMD-groups.
// Numerics  float32; the order is that of the logits as stored, NaN last.
// Bytes     router and shared gate once for every 4 tokens.
kernel void route(ROUTE_BINDINGS, device int* ids [[buffer(8)]],
                  device float* weights [[buffer(9)]],
                  uint group [[threadgroup_position_in_grid]],
                  uint simdgroup [[simdgroup_index_in_threadgroup]],
                  uint simdgroups [[simdgroups_per_threadgroup]],
                  uint lane [[thread_index_in_simdgroup]]) {
    device const float* scales = input;
    if (fused_norm) scales = gamma;
    device const uchar* last = router;
    if (has_shared_gate) last = shared_gate;
    device float* shared_to = logits;
    if (has_shared_gate) shared_to = shared_scale;
    uint first_token = 4 * group, rows = router_rows(args);
    for (uint row = 2 * simdgroup; row < rows; row += 2 * simdgroups)
        route_rows<2, 4>(args, step.token_count, input, scales, router, last, logits, shared_to,
                         row, first_token, lane);
    threadgroup_barrier(mem_flags::mem_device);
    uint token = first_token + simdgroup;
    if (simdgroup < 4 && token < step.token_count)
        write_choice(logits + ulong(token) * args.experts, args.experts, args.used, args.scale,
                     ids + token * args.used, weights + token * args.used, lane);
}
