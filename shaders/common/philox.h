// Counter-based random numbers: four words that depend on the counter and the key alone.
// Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011: Philox4x32-10.
#ifndef MM_PHILOX_H
#define MM_PHILOX_H

#include <metal_stdlib>
using namespace metal;

METAL_FUNC uint4 philox(uint4 counter, uint2 key) {
    for (ushort round = 0; round < 10; round++) {
        uint high0 = mulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
        uint high1 = mulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
        counter = uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += uint2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

#endif
