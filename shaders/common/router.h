// The choice of a token's experts from its router logits.
#ifndef MM_ROUTER_H
#define MM_ROUTER_H

#include <metal_stdlib>
using namespace metal;

// A total order of logits as unsigned integers: the larger logit has the larger key, both zeros
// the same, and NaN the smallest of all, so that ids stay valid whatever the logits are.
METAL_FUNC uint order_key(float logit) {
    uint bits = as_type<uint>(logit);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0;
    if (bits == 0x80000000u) bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

struct Pick {
    uint key;
    uint expert;
};

METAL_FUNC Pick before_all() {
    Pick p;
    p.key = 0xffffffffu;
    p.expert = 0xffffffffu;
    return p;
}

// The expert that follows `last` in descending order of logits, the lower id first on a tie.
// Called by all lanes of a SIMD-group; all get the same. Nothing is marked or moved: "chosen
// already" is "not behind the last pick", so a round only reads.
METAL_FUNC Pick next_pick(device const float* logits, uint experts, Pick last, uint lane) {
    uint key = 0, expert = 0xffffffffu;
    for (uint e = lane; e < experts; e += 32) {
        uint k = order_key(logits[e]);
        bool open = k < last.key || (k == last.key && e > last.expert);
        if (open && (expert == 0xffffffffu || k > key)) {
            key = k;
            expert = e;
        }
    }
    Pick p;
    p.key = simd_max(key);
    p.expert = simd_min(key == p.key ? expert : 0xffffffffu);
    return p;
}

// The expert of rank `rank`, 0 the first.
METAL_FUNC uint pick_expert(device const float* logits, uint experts, uint rank, uint lane) {
    Pick p = before_all();
    for (uint a = 0; a <= rank; a++) p = next_pick(logits, experts, p, lane);
    return p.expert;
}

// Ids and weights of the first `used` experts of one token. The softmax over all experts,
// divided by the sum over the chosen, is the softmax over the chosen alone.
METAL_FUNC void write_choice(device const float* logits, uint experts, uint used, float scale,
                             device int* ids, device float* weights, uint lane) {
    Pick p = before_all();
    float largest = 0.0f, sum = 0.0f;
    for (uint a = 0; a < used; a++) {
        p = next_pick(logits, experts, p, lane);
        float logit = logits[p.expert];
        if (a == 0) largest = logit;
        float w = exp(logit - largest);
        sum += w;
        if (lane == a % 32) {
            ids[a] = int(p.expert);
            weights[a] = w;
        }
    }
    for (uint a = lane; a < used; a += 32) weights[a] *= scale / sum;
}

#endif
